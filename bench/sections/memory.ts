import { Effect } from "effect"
import { worker as contestant } from "../contestants/worker.ts"
import { atMost, type Bar, below, ofOnce } from "../Figure.ts"
import { memoryOf } from "../measure.ts"
import { carryOut } from "../sample.ts"
import type { Section } from "../Section.ts"
import { startWorker, type Worker } from "../worker.ts"

/** Memory of a worker after some jobs, and of another after as many and after many more, over many accounts. */
export const memory: Section = {
  name: "memory",
  title: "Memory",
  measure: Effect.fnUntraced(function* ({ accounts, concurrency, manyAccounts, manyJobs, memoryJobs }) {
    const some = yield* withWorker(concurrency, (worker) => after(worker, "memory", memoryJobs, accounts))
    const [early, late] = yield* withWorker(concurrency, (worker) =>
      Effect.all([
        after(worker, "memory-early", memoryJobs, manyAccounts),
        after(worker, "memory-late", Math.max(1, manyJobs - memoryJobs), manyAccounts)
      ])
    )
    const figure = (jobs: number, over: number, { peak, resident }: typeof some, bar?: Bar) =>
      ofOnce(`memory after ${jobs} jobs over ${over} accounts`, resident, {
        digits: 0,
        unit: " MB",
        remark: `peak ${peak.toFixed(0)} MB`,
        ...(bar !== undefined && { bar })
      })
    return {
      figures: [
        figure(memoryJobs, accounts, some, below(200, " MB")),
        figure(memoryJobs, manyAccounts, early),
        figure(manyJobs, manyAccounts, late, below(256, " MB")),
        ofOnce(
          `memory over ${manyAccounts} accounts, after ${manyJobs} / after ${memoryJobs}`,
          late.resident / early.resident,
          {
            digits: 2,
            bar: atMost(1.1)
          }
        )
      ]
    }
  })
}

const withWorker = <A, E, R>(concurrency: number, use: (worker: Worker) => Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const worker = yield* startWorker({ concurrency })
      const result = yield* use(worker)
      yield* worker.stop
      return result
    })
  )

const after = Effect.fnUntraced(function* (worker: Worker, name: string, jobs: number, accounts: number) {
  yield* carryOut(contestant, [worker], { name, jobs }, accounts)
  return yield* memoryOf(worker.pid)
})
