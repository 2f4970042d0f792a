import { Effect, Random, Ref, Schedule } from "effect"
import { eventually } from "../process/program.ts"
import { isRunning, type Replica, startReplica } from "./Replica.ts"
import { trailOf, isFinal } from "./requests.ts"
import { Stage } from "./Stage.ts"

/** What happened in a run so far. */
export interface Tally {
  readonly faults: Map<string, number>
  /** Milliseconds from a kill to the end of each job that the killed worker held; `alone`: with no other fault meanwhile. */
  readonly recoveries: Array<{ readonly took: number; readonly alone: boolean }>
  /** Milliseconds from the return of a server to the end of a job that was submitted then. */
  readonly returns: Array<number>
  readonly drains: Array<{ readonly took: number; readonly code: number }>
  /** How many faults have begun. */
  begun: number
}

export const emptyTally = (): Tally => ({ faults: new Map(), recoveries: [], returns: [], drains: [], begun: 0 })

/** A new replica, however often its start fails while a server is away. */
const startForSure = Effect.gen(function* () {
  const replica = yield* startReplica()
  yield* eventually(replica.ready, (answer) => answer !== undefined || !isRunning(replica))
  if (isRunning(replica)) return replica
  yield* replica.end
  return yield* Effect.fail("its start met an outage")
}).pipe(Effect.retry(Schedule.spaced("200 millis")), Effect.orDie)

/** Some replicas, and always as many: who goes is replaced. */
export const makeCrew = Effect.fnUntraced(function* (size: number, tally: Tally) {
  const scope = yield* Effect.scope
  const members = yield* Ref.make<ReadonlyArray<Replica>>(
    yield* Effect.all(
      Array.from({ length: size }, () => startForSure),
      { concurrency: "unbounded" }
    )
  )

  const replace = Effect.fnUntraced(function* (gone: Replica) {
    yield* gone.end
    yield* Ref.update(members, (all) => all.filter((it) => it !== gone))
    const fresh = yield* startForSure
    yield* Ref.update(members, (all) => [...all, fresh])
  })

  /** How long it takes until a request is final, from `since` on. */
  const track = Effect.fnUntraced(function* (id: string, since: number) {
    const { begun } = tally
    yield* Effect.repeat(
      Effect.orElseSucceed(trailOf(id), () => undefined),
      { until: (trail) => trail !== undefined && isFinal(trail.status), schedule: Schedule.spaced("20 millis") }
    )
    tally.recoveries.push({ took: performance.now() - since, alone: tally.begun === begun })
  })

  const kill = Effect.fnUntraced(function* (replica: Replica) {
    yield* replica.program.signal("SIGKILL")
    const since = performance.now()
    const ids = yield* Effect.orElseSucceed(heldBy(replica), (): ReadonlyArray<string> => [])
    for (const id of ids) {
      const trail = yield* Effect.orElseSucceed(trailOf(id), () => undefined)
      if (trail !== undefined && !isFinal(trail.status)) yield* Effect.forkIn(track(id, since), scope)
    }
    yield* replace(replica)
  })

  const anyone = Effect.flatMap(Ref.get(members), (all) => Random.choice(all))
  return { members: Ref.get(members), anyone, kill, replace }
})

export type Crew = Effect.Success<ReturnType<typeof makeCrew>>

/** The requests whose payloads a worker holds. */
const heldBy = Effect.fnUntraced(function* ({ id }: Replica) {
  const { queue, redis } = yield* Stage
  const payloads = yield* Effect.tryPromise(() => redis.lrange(`{${queue}}:processing:${id}`, 0, -1))
  return payloads.flatMap((payload) => /"correlation_id":"([^"]+)"/.exec(payload)?.[1] ?? [])
})
