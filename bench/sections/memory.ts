import { Effect } from "effect"
import { worker as contestant } from "../contestants/worker.ts"
import { atMost, below, ofOnce } from "../Figure.ts"
import { memoryOf } from "../measure.ts"
import { carryOut } from "../sample.ts"
import type { Section } from "../Section.ts"
import { startWorker } from "../worker.ts"

/** Memory of one worker after some jobs, and after many. */
export const memory: Section = {
  name: "memory",
  title: "Memory",
  measure: Effect.fnUntraced(function* ({ concurrency, manyAccounts, manyJobs, memoryJobs }) {
    const worker = yield* startWorker({ concurrency })
    const after = Effect.fnUntraced(function* (name: string, jobs: number) {
      yield* carryOut(contestant, [worker], { name, jobs }, manyAccounts)
      return yield* memoryOf(worker.pid)
    })
    const early = yield* after("memory", memoryJobs)
    const late = yield* after("memory-many", Math.max(1, manyJobs - memoryJobs))
    yield* worker.stop
    return {
      figures: [
        ofOnce(`memory after ${memoryJobs} jobs`, early.resident, {
          digits: 0,
          unit: " MB",
          bar: below(200, " MB"),
          remark: `peak ${early.peak.toFixed(0)} MB`
        }),
        ofOnce(`memory after ${manyJobs} jobs over ${manyAccounts} accounts`, late.resident, {
          digits: 0,
          unit: " MB",
          bar: below(256, " MB"),
          remark: `peak ${late.peak.toFixed(0)} MB`
        }),
        ofOnce(`memory, after ${manyJobs} / after ${memoryJobs}`, late.resident / early.resident, {
          digits: 2,
          bar: atMost(1.1)
        })
      ]
    }
  }, Effect.scoped)
}
