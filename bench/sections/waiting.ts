import { Effect } from "effect"
import { alternate, ratiosOf } from "../alternate.ts"
import { seed } from "../contestants/seed.ts"
import { worker } from "../contestants/worker.ts"
import { atLeast, ofRounds } from "../Figure.ts"
import { spreadOf } from "../measure.ts"
import { loadOf, usualLatency } from "../plan.ts"
import { sample } from "../sample.ts"
import type { Section } from "../Section.ts"

/** Jobs of a round of the seed's design, which does four or five a second. */
const seedJobs = 40

/** As fast as waiting for AWS allows. */
export const waiting: Section = {
  name: "waiting",
  title: `Throughput when AWS takes ${usualLatency} ms`,
  measure: Effect.fnUntraced(function* (plan) {
    const load = { ...loadOf(plan), latency: usualLatency }
    const turn = (contestant: typeof worker, jobs: number, warmUp: number) =>
      [
        contestant.name,
        (round: number) =>
          Effect.map(
            sample(contestant, `waiting${round}-${contestant === worker ? "worker" : "seed"}`, {
              ...load,
              jobs,
              warmUp
            }),
            ({ wall }) => jobs / (wall / 1_000)
          )
      ] as const
    const rounds = yield* alternate(
      plan.longRounds,
      [turn(worker, load.jobs, load.warmUp), turn(seed, seedJobs, 5)],
      (rate) => `${rate.toFixed(1)}/s`
    )
    const ours = rounds.of(worker.name)
    const theirs = rounds.of(seed.name)
    const possible = plan.concurrency / (usualLatency / 1_000)
    return {
      figures: [
        ofRounds("jobs per second, worker", spreadOf(ours), { digits: 0 }),
        ofRounds(`jobs per second, ${seed.name}`, spreadOf(theirs), { digits: 1 }),
        ofRounds(
          `worker / ${plan.concurrency} in flight by ${usualLatency / 1_000} s`,
          spreadOf(ours.map((it) => it / possible)),
          { digits: 3, bar: atLeast(0.95) }
        ),
        ofRounds(
          `jobs per second, worker / ${seed.name}`,
          ratiosOf(ours, theirs, (it) => it),
          { digits: 0, bar: atLeast(60) }
        )
      ]
    }
  })
}
