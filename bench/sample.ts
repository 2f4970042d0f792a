import { fileURLToPath } from "node:url"
import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { withLatency } from "./aws.ts"
import { BenchFailure } from "./BenchFailure.ts"
import type { Batch, Contestant, Running } from "./Contestant.ts"
import { awsCalls, increase } from "./counters.ts"
import { awaitSettled, timesOf, writeRows } from "./jobs.ts"
import { cpuOf } from "./measure.ts"
import { type Load, patienceFor } from "./plan.ts"
import { Servers } from "./servers.ts"
import { verify } from "./verify.ts"

/** What one batch took, in milliseconds. */
const Sample = Schema.Struct({ cpu: Schema.Number, wall: Schema.Number })
export type Sample = typeof Sample.Type

/** And what 99 of 100 jobs stayed below, from claim to final status. */
export interface JobSample extends Sample {
  readonly p99: number
}

/** Gives processes of a contestant a batch and sees that it is done exactly. The CPU time is theirs, from idle to idle. */
export const carryOut = Effect.fnUntraced(function* (
  { place }: Contestant,
  running: ReadonlyArray<Running>,
  batch: Batch,
  accounts: number
) {
  const cpu = Effect.map(Effect.all(running.map(({ pid }) => cpuOf(pid))), (times) => times.reduce((a, b) => a + b, 0))
  yield* place.stage(yield* writeRows(batch, accounts))
  const callsBefore = yield* awsCalls
  const before = yield* cpu
  yield* place.release(batch)
  yield* awaitSettled(batch)
  const after = yield* cpu
  yield* verify(batch, increase(callsBefore, yield* awsCalls), place)
  return { cpu: after - before, ...(yield* timesOf(batch)) } satisfies JobSample
})

/** One round of a contestant in fresh processes of its own, warmed up while AWS answers at once. */
export const sample = Effect.fnUntraced(function* (contestant: Contestant, name: string, load: Load, processes = 1) {
  const running = yield* Effect.replicateEffect(contestant.start(load), processes)
  yield* carryOut(contestant, running, { name: `${name}-warm`, jobs: load.warmUp * processes }, load.accounts)
  yield* withLatency(load.latency)
  const taken = yield* carryOut(contestant, running, { name, jobs: load.jobs }, load.accounts)
  yield* Effect.forEach(running, ({ stop }) => stop, { concurrency: "unbounded", discard: true })
  return taken
}, Effect.scoped)

const limit = fileURLToPath(new URL("limit.ts", import.meta.url))

/** One round of the bare SDK in a process of its own. */
export const sampleLimit = Effect.fnUntraced(function* (name: string, { accounts, concurrency, jobs, latency }: Load) {
  const { awsUrl } = yield* Servers
  yield* withLatency(latency)
  const told = { endpoint: awsUrl, name, calls: jobs, accounts, concurrency }
  const args = Object.entries(told).map(([option, value]) => `--${option}=${value}`)
  const bare = yield* ChildProcess.make(process.execPath, [limit, ...args], { stderr: "inherit", env: {} })
  const lines = bare.stdout.pipe(Stream.decodeText(), Stream.splitLines)
  const result = yield* lines.pipe(
    Stream.tap((line) => (line === "warm" ? Stream.run(Stream.empty, bare.stdin) : Effect.void)),
    Stream.runLast,
    Effect.timeoutOrElse({
      duration: patienceFor(jobs),
      orElse: () => Effect.fail(new BenchFailure({ message: "the bare SDK process did not end in time" }))
    })
  )
  return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Sample))(Option.getOrElse(result, () => "")).pipe(
    Effect.mapError((error) => new BenchFailure({ message: `the bare SDK process: ${error.message}` }))
  )
}, Effect.scoped)
