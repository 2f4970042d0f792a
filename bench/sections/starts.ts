import { Effect } from "effect"
import { below, ofRounds } from "../Figure.ts"
import { spreadOf } from "../measure.ts"
import type { Section } from "../Section.ts"
import { startWorker } from "../worker.ts"

export const starts: Section = {
  name: "starts",
  title: "Start",
  measure: Effect.fnUntraced(function* ({ concurrency, starts }) {
    const start = Effect.scoped(Effect.tap(startWorker({ concurrency }), (worker) => worker.stop))
    const workers = yield* Effect.replicateEffect(start, starts)
    return {
      figures: [
        ofRounds("start to /ready", spreadOf(workers.map((worker) => worker.readyAfter)), {
          digits: 0,
          unit: " ms",
          bar: below(700, " ms")
        })
      ]
    }
  })
}
