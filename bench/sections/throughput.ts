import { Effect } from "effect"
import { alternate, ratiosOf } from "../alternate.ts"
import type { Contestant } from "../Contestant.ts"
import { bullmq } from "../contestants/bullmq.ts"
import { graphile } from "../contestants/graphile.ts"
import { worker } from "../contestants/worker.ts"
import { atLeast, atMost, ofRounds } from "../Figure.ts"
import { spreadOf } from "../measure.ts"
import { loadOf } from "../plan.ts"
import { type Sample, sample, sampleLimit } from "../sample.ts"
import type { Section } from "../Section.ts"

const limit = "bare SDK"
const peers = [bullmq, graphile]

/** As fast as it goes: AWS answers at once. */
export const throughput: Section = {
  name: "throughput",
  title: "Throughput when AWS answers at once",
  measure: Effect.fnUntraced(function* (plan) {
    const load = loadOf(plan)
    const perSecond = ({ wall }: Sample) => plan.jobs / (wall / 1_000)
    const cpu = (taken: Sample) => taken.cpu / plan.jobs
    const turnOf = (contestant: Contestant) =>
      [
        contestant.name,
        (round: number) =>
          Effect.map(sample(contestant, `throughput${round}-${contestant.name}`, load), (it): Sample => it)
      ] as const
    const rounds = yield* alternate(
      plan.rounds,
      [
        turnOf(worker),
        [limit, (round: number) => sampleLimit(`throughput${round}-limit`, load)] as const,
        ...peers.map(turnOf)
      ],
      (taken) => `${perSecond(taken).toFixed(0)}/s ${cpu(taken).toFixed(2)} ms CPU`
    )
    const ours = rounds.of(worker.name)
    const names = [worker.name, limit, ...peers.map(({ name }) => name)]
    const versus = (name: string, bar: number) =>
      ofRounds(`jobs per second, worker / ${name}`, ratiosOf(ours, rounds.of(name), perSecond), {
        digits: 2,
        bar: atLeast(bar)
      })
    return {
      figures: [
        ...names.map((name) =>
          ofRounds(`jobs per second, ${name}`, spreadOf(rounds.of(name).map(perSecond)), { digits: 0 })
        ),
        versus(limit, 0.85),
        ...peers.map(({ name }) => versus(name, 1.4)),
        ...names.map((name) =>
          ofRounds(`CPU per job, ${name}`, spreadOf(rounds.of(name).map(cpu)), { digits: 2, unit: " ms" })
        ),
        ofRounds(`CPU per job, worker / ${limit}`, ratiosOf(ours, rounds.of(limit), cpu), {
          digits: 2,
          bar: atMost(1.5)
        })
      ]
    }
  })
}
