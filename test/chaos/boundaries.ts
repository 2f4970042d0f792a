import { Effect, Struct } from "effect"
import { type CallRecord, matchesCall } from "../../local/aws/CallLog.ts"
import type { Proxy, Rule } from "./Proxy.ts"
import type { Replica } from "./Replica.ts"
import { Stage } from "./Stage.ts"

/** A replica that stands at a boundary: what comes next does not happen until it is let go. */
export interface Reached {
  readonly replica: Replica
  readonly release: Effect.Effect<void>
}

/** What a rule looks for: `id` in bytes that go where the step between two boundaries goes. */
interface ByProxy {
  readonly at: "postgres" | "redis"
  readonly side: Rule["side"]
  readonly words: ReadonlyArray<string>
}

interface ByAws {
  readonly at: "aws"
  readonly effect: "hang" | "hangAfter"
}

/** The life of a job, cut where one system knows what the next one does not. */
const boundaries = {
  // The payload is in the processing list, and the claim does not reach PostgreSQL.
  taken: { at: "postgres", side: "request", words: ["claimed by"] },
  // The row is IN_PROGRESS, and the worker does not know.
  claimed: { at: "postgres", side: "answer", words: ["claimed by"] },
  // AWS has the call, and does nothing.
  called: { at: "aws", effect: "hang" },
  // AWS has carried it out, and the worker does not know.
  "carried out": { at: "aws", effect: "hangAfter" },
  // The worker knows, and PostgreSQL does not.
  answered: { at: "postgres", side: "request", words: ["Policy "] },
  // The row is SUCCESS, and the worker does not know.
  settled: { at: "postgres", side: "answer", words: ["Policy "] },
  // The worker knows, and the payload is still in the processing list.
  "before the ack": { at: "redis", side: "request", words: ["lrem"] }
} as const satisfies Record<string, ByProxy | ByAws>

export type Boundary = keyof typeof boundaries
const known: Readonly<Record<Boundary, ByProxy | ByAws>> = boundaries
export const boundaryNames = Struct.keys(boundaries)

/** The job to be met there: its id, and the principal that it is about. None: any. */
export interface Target {
  readonly id: string
  readonly principal: string
}

/**
 * Waits at the boundary: armed when this returns, before the job is submitted, and then `reached` tells which of the replicas
 * stands there. Interrupted meanwhile, it disarms.
 */
export const waitAt = Effect.fnUntraced(function* (
  boundary: Boundary,
  replicas: ReadonlyArray<Replica>,
  target?: Target
) {
  const where = known[boundary]
  if (where.at === "aws") return yield* waitAtAws(where, replicas, target)
  const rule: Rule = {
    side: where.side,
    matches: (bytes) => [...where.words, ...(target === undefined ? [] : [target.id])].every((it) => bytes.includes(it))
  }
  const holds = replicas.map((replica) => {
    const proxy: Proxy = replica[where.at]
    return { replica, hold: proxy.hold(rule) }
  })
  const release = Effect.forEach(holds, ({ hold }) => hold.release, { discard: true })
  return Effect.raceAll(holds.map(({ hold, replica }) => Effect.as(hold.reached, replica))).pipe(
    Effect.tap((replica) =>
      Effect.forEach(
        holds.filter((it) => it.replica !== replica),
        ({ hold }) => hold.release
      )
    ),
    Effect.map((replica): Reached => ({ replica, release })),
    Effect.onInterrupt(() => release)
  )
})

const waitAtAws = Effect.fnUntraced(function* (where: ByAws, replicas: ReadonlyArray<Replica>, target?: Target) {
  const { aws } = yield* Stage
  const calls = { outcome: where.effect, ...(target !== undefined && { principal: target.principal }) }
  const { promise, resolve } = Promise.withResolvers<CallRecord>()
  const unsubscribe = aws.calls.subscribe((call) => {
    if (matchesCall(calls, call)) resolve(call)
  })
  aws.faults.add({
    times: 1,
    effect: { kind: where.effect },
    ...(target !== undefined && { principal: target.principal })
  })
  return Effect.promise(() => promise).pipe(
    Effect.flatMap(({ roleSessionName }) => {
      const replica = replicas.find(({ id }) => id === roleSessionName)
      return replica === undefined
        ? Effect.die(new Error(`AWS was called by a stranger, ${roleSessionName}`))
        : Effect.succeed<Reached>({ replica, release: Effect.void })
    }),
    Effect.ensuring(Effect.sync(unsubscribe)),
    Effect.onInterrupt(() => Effect.sync(() => aws.faults.clear()))
  )
})
