import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { BenchFailure } from "./BenchFailure.ts"
import { cpuOf } from "./measure.ts"
import { patienceFor } from "./plan.ts"
import type { Worker } from "./worker.ts"

/** Milliseconds a job: CPU of the worker, and time that passed. */
export interface Cost {
  readonly cpu: number
  readonly time: number
}

/** What a job costs a worker that is in the middle of many: of so many jobs, after so many others. */
export const steadyCost = Effect.fnUntraced(function* ({ pid }: Worker, jobs: number, warmUp: number) {
  const start = yield* settled
  const before = yield* reading(pid, start + warmUp)
  const after = yield* reading(pid, before.settled + jobs)
  const done = after.settled - before.settled
  return { cpu: (after.cpu - before.cpu) / done, time: (after.at - before.at) / done } satisfies Cost
})

/** Each settled job takes a number of this sequence, so that nothing has to be counted. */
const settled = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ readonly settled: number }>`
    SELECT last_value::float8 AS settled FROM csb_app.csb_requests_ref_ref_serial_id_seq`
  return row?.settled ?? 0
})

/** As soon as so many are settled. */
const reading = (pid: number, target: number) =>
  Effect.all({ settled, at: Effect.sync(() => performance.now()), cpu: cpuOf(pid) }).pipe(
    Effect.repeat({ until: (now) => now.settled >= target, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({
      duration: patienceFor(10_000),
      orElse: () => Effect.fail(new BenchFailure({ message: "the worker did not get on with its jobs" }))
    })
  )
