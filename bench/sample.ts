import { fileURLToPath } from "node:url"
import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { BenchFailure } from "./BenchFailure.ts"
import { awsCalls, increase } from "./counters.ts"
import { awaitSettled, type Batch, release, settledWithin, stage } from "./jobs.ts"
import { cpuOf } from "./measure.ts"
import { patienceFor, type Plan, warmUpJobs } from "./plan.ts"
import { Servers } from "./servers.ts"
import { verify } from "./verify.ts"
import { startWorker, type Worker } from "./worker.ts"

/** What one batch took, in milliseconds. */
const Sample = Schema.Struct({ cpu: Schema.Number, wall: Schema.Number })
export type Sample = typeof Sample.Type

/** Gives the worker a batch and sees that it is done exactly. The CPU time is the worker's, from idle to idle. */
export const carryOut = Effect.fnUntraced(function* (worker: Worker, batch: Batch, accounts: number) {
  yield* stage(batch, accounts)
  const callsBefore = yield* awsCalls
  const before = yield* cpuOf(worker.pid)
  yield* release
  yield* awaitSettled(batch)
  const after = yield* cpuOf(worker.pid)
  yield* verify(batch, increase(callsBefore, yield* awsCalls))
  return { cpu: after - before, wall: yield* settledWithin(batch) } satisfies Sample
})

/** A fresh worker, warmed up. */
export const warmWorker = Effect.fnUntraced(function* (
  name: string,
  { accounts, concurrency }: Plan,
  databasePort?: number
) {
  const worker = yield* startWorker({ concurrency, ...(databasePort !== undefined && { databasePort }) })
  yield* carryOut(worker, { name: `${name}-warm`, jobs: warmUpJobs }, accounts)
  return worker
})

/** One round of a worker of its own. */
export const sampleWorker = Effect.fnUntraced(function* (name: string, plan: Plan) {
  const worker = yield* warmWorker(name, plan)
  const sample = yield* carryOut(worker, { name, jobs: plan.jobs }, plan.accounts)
  yield* worker.stop
  return sample
}, Effect.scoped)

const limit = fileURLToPath(new URL("limit.ts", import.meta.url))

/** One round of the bare SDK in a process of its own. */
export const sampleLimit = Effect.fnUntraced(function* (name: string, { accounts, concurrency, jobs }: Plan) {
  const { awsUrl } = yield* Servers
  const bare = yield* ChildProcess.make(
    process.execPath,
    [
      limit,
      "--endpoint",
      awsUrl,
      "--name",
      name,
      "--calls",
      `${jobs}`,
      "--accounts",
      `${accounts}`,
      "--concurrency",
      `${concurrency}`
    ],
    { stderr: "inherit", env: {} }
  )
  const lines = bare.stdout.pipe(Stream.decodeText(), Stream.splitLines)
  const result = yield* lines.pipe(
    Stream.tap((line) => (line === "warm" ? Stream.run(Stream.empty, bare.stdin) : Effect.void)),
    Stream.runLast,
    Effect.timeoutOrElse({
      duration: patienceFor(jobs),
      orElse: () => Effect.fail(new BenchFailure({ message: "the bare SDK process did not end in time" }))
    })
  )
  return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Sample))(Option.getOrElse(result, () => ""))
}, Effect.scoped)
