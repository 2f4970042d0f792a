import { Duration, Effect, Option, Schema } from "effect"
import { JobStore } from "../src/services/JobStore.ts"
import { Redis } from "../src/services/Redis.ts"
import type { RequestRecord } from "../src/domain/Request.ts"
import type { Job, Outcome } from "./Job.ts"
import { deadLetters, processing, queue, statusKey } from "./keys.ts"
import { Servers } from "./servers.ts"

export interface Observed {
  readonly outcomes: ReadonlyArray<readonly [Job, Outcome]>
  /** Dead letters whose bytes are no job's. */
  readonly strangeLetters: number
  /** Payloads that are still in the queue or with the worker. */
  readonly leftovers: number
  /** Policies attached to anything anywhere. */
  readonly attachments: number
}

const DeadLetter = Schema.fromJsonString(
  Schema.Struct({
    payload: Schema.optionalKey(Schema.String),
    payload_base64: Schema.optionalKey(Schema.Uint8ArrayFromBase64),
    reason: Schema.String
  })
)

/** Looks everywhere for what became of the jobs. */
export const observe = Effect.fnUntraced(function* (jobs: ReadonlyArray<Job>) {
  const redis = yield* Redis
  const { aws } = yield* Servers
  const letters = yield* takeDeadLetters
  const known = new Set(jobs.map(({ payload }) => fingerprint(payload)))
  const outcomes = yield* Effect.forEach(jobs, (job) => Effect.map(outcomeOf(job, letters), (it) => [job, it] as const))
  const observed: Observed = {
    outcomes,
    strangeLetters: letters.filter(({ bytes }) => !known.has(bytes)).length,
    leftovers: (yield* redis.length(queue)) + (yield* redis.length(processing)),
    attachments: Array.from(aws.world.accounts())
      .flatMap(({ principals }) => [...principals.User.values(), ...principals.Role.values()])
      .reduce((sum, { attachments }) => sum + attachments.size, 0)
  }
  return observed
})

interface Letter {
  /** The payload's. */
  readonly bytes: string
  readonly reason: string
}

const fingerprint = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")

const takeDeadLetters = Effect.gen(function* () {
  const redis = yield* Redis
  const count = yield* redis.length(deadLetters)
  const taken = yield* Effect.replicateEffect(redis.popLastWait(deadLetters, Duration.seconds(1)), count)
  return yield* Effect.forEach(taken.flatMap(Option.toArray), (letter) =>
    Effect.map(
      Schema.decodeUnknownEffect(DeadLetter)(Buffer.from(letter).toString()),
      ({ payload, payload_base64, reason }): Letter => ({
        bytes: fingerprint(payload_base64 ?? Buffer.from(payload ?? "")),
        reason
      })
    )
  )
})

const outcomeOf = Effect.fnUntraced(function* (job: Job, letters: ReadonlyArray<Letter>) {
  const redis = yield* Redis
  const store = yield* JobStore
  const { aws } = yield* Servers
  const { accountId, principal, principalType } = job.request
  const record = yield* store.find(job.id)
  const bytes = fingerprint(job.payload)
  const account = aws.world.findAccount(accountId)
  const attachments = account?.principals[principalType].get(principal)?.attachments.values() ?? []
  const outcome: Outcome = {
    ...Option.match(record, { onNone: () => noRow, onSome: fromRecord }),
    deadLetter: letters
      .filter((letter) => letter.bytes === bytes)
      .map(({ reason }) => reason)
      .join(" and "),
    carriedOut: aws.calls
      .list({ accountId, principal })
      .filter(({ operation, outcome }) => changes.test(operation) && carriedOut.test(outcome)).length,
    policies: Array.from(attachments).toSorted(),
    cached: (yield* redis.length(statusKey(job.id))) > 0
  }
  return outcome
})

const changes = /^(?:Attach|Detach)/
const carriedOut = /^(?:ok|hangAfter|resetAfter)$/

const noRow = { status: "no row", reason: "", deliveries: 0, references: 0 }

const fromRecord = ({ audit, references, status }: RequestRecord) => ({
  status,
  // `Policy applied, AWS request …`, `LimitExceeded: Cannot exceed …`
  reason: /^(?:Policy )?([^,:]*)/.exec(audit.at(-1)?.log ?? "")?.[1] ?? "",
  deliveries: audit.filter((entry) => entry.status === "IN_PROGRESS").length,
  references: references.length
})
