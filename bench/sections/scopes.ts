import { Console, Effect } from "effect"
import { alternate, ratiosOf } from "../alternate.ts"
import type { Contestant } from "../Contestant.ts"
import { worker } from "../contestants/worker.ts"
import { ofRounds } from "../Figure.ts"
import { spreadOf } from "../measure.ts"
import { loadOf, type Plan, usualLatency } from "../plan.ts"
import { type Sample, sample } from "../sample.ts"
import type { Section } from "../Section.ts"
import { startWorker } from "../worker.ts"

/** Each job has its own session, which may do its one change: a call to STS more. */
const narrowed: Contestant = {
  ...worker,
  name: "a session a job",
  start: (options) => startWorker({ ...options, sessionScope: "job" })
}
const shared: Contestant = { ...worker, name: "a session an account" }

/** What `AWS_SESSION_SCOPE=job` costs. */
export const scopes: Section = {
  name: "scopes",
  title: "A session for each job, and for each account",
  measure: (plan) =>
    Effect.map(
      Effect.forEach([0, usualLatency], (latency) => measureAt(plan, latency)),
      (figures) => ({ figures: figures.flat() })
    )
}

const measureAt = Effect.fnUntraced(function* (plan: Plan, latency: number) {
  const load = { ...loadOf(plan), latency }
  const perSecond = ({ wall }: Sample) => load.jobs / (wall / 1_000)
  const cpu = (taken: Sample) => taken.cpu / load.jobs
  yield* Console.log(`  AWS takes ${latency} ms`)
  const rounds = yield* alternate(
    plan.longRounds,
    [shared, narrowed].map(
      (contestant) =>
        [
          contestant.name,
          (round: number) =>
            sample(contestant, `scopes${latency}-${round}-${contestant === shared ? "account" : "job"}`, load)
        ] as const
    ),
    (taken) => `${perSecond(taken).toFixed(0)}/s ${cpu(taken).toFixed(2)} ms CPU`
  )
  const ours = rounds.of(narrowed.name)
  const others = rounds.of(shared.name)
  const at = `AWS at ${latency} ms`
  return [
    ...[shared, narrowed].flatMap(({ name }) => [
      ofRounds(`jobs per second, ${at}, ${name}`, spreadOf(rounds.of(name).map(perSecond)), { digits: 0 }),
      ofRounds(`CPU per job, ${at}, ${name}`, spreadOf(rounds.of(name).map(cpu)), { digits: 2, unit: " ms" })
    ]),
    ofRounds(`jobs per second, ${at}, job / account`, ratiosOf(ours, others, perSecond), { digits: 2 }),
    ofRounds(`CPU per job, ${at}, job / account`, ratiosOf(ours, others, cpu), { digits: 2 })
  ]
})
