import { Console, Effect } from "effect"
import { alternate, ratiosOf } from "../alternate.ts"
import { worker } from "../contestants/worker.ts"
import { atLeast, type Figure, ofRounds } from "../Figure.ts"
import { spreadOf } from "../measure.ts"
import { loadOf, type Plan, usualLatency } from "../plan.ts"
import { sample } from "../sample.ts"
import type { Section } from "../Section.ts"

const counts = [1, 2, 4] as const

/** Of the rate of fewer processes; what is missing to 1 is what two rounds of the same differ by. */
const notFewer = atLeast(0.95)

/** Several workers take from one queue. Each batch is checked: no job is done twice. */
export const replicas: Section = {
  name: "replicas",
  title: "Several worker processes",
  measure: (plan) =>
    Effect.map(
      Effect.forEach([0, usualLatency], (latency) => measureAt(plan, latency)),
      (figures) => ({ figures: figures.flat() })
    )
}

const label = (count: number) => `${count} ${count === 1 ? "process" : "processes"}`

const measureAt = Effect.fnUntraced(function* (plan: Plan, latency: number) {
  const load = { ...loadOf(plan), latency }
  yield* Console.log(`  AWS takes ${latency} ms`)
  const rounds = yield* alternate(
    plan.longRounds,
    counts.map(
      (count) =>
        [
          label(count),
          (round: number) =>
            Effect.map(
              sample(worker, `replicas${latency}-${round}-${count}`, load, count),
              ({ wall }) => load.jobs / (wall / 1_000)
            )
        ] as const
    ),
    (rate) => `${rate.toFixed(0)}/s`
  )
  const rates = (count: number) => rounds.of(label(count))
  const versus = (more: number, fewer: number): Figure =>
    ofRounds(
      `AWS at ${latency} ms: ${more} / ${label(fewer)}`,
      ratiosOf(rates(more), rates(fewer), (it) => it),
      { digits: 2, bar: notFewer }
    )
  return [
    ...counts.map((count) =>
      ofRounds(`jobs per second, AWS at ${latency} ms, ${label(count)}`, spreadOf(rates(count)), { digits: 0 })
    ),
    versus(2, 1),
    versus(4, 2)
  ]
})
