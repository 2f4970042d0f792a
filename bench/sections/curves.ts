import { Console, Effect } from "effect"
import { bullmq } from "../contestants/bullmq.ts"
import { worker } from "../contestants/worker.ts"
import type { Chart } from "../document/chart.ts"
import { type Load, type Plan, usualLatency, warmUpJobs } from "../plan.ts"
import { sample } from "../sample.ts"
import type { Section } from "../Section.ts"

const concurrencies = [1, 4, 16, 64, 256]
const latencies = [0, 25, 50, 100, 200]

/** About so many seconds a point, where waiting for AWS is what takes the time. */
const seconds = 5

/** The plots: once each, so they show a shape and not a figure. */
export const curves: Section = {
  name: "curves",
  title: "Over concurrency and latency",
  measure: Effect.fnUntraced(function* (plan) {
    const overConcurrency = yield* Effect.forEach(concurrencies, (concurrency) =>
      point(plan, "concurrency", String(concurrency), { concurrency, latency: usualLatency })
    )
    const overLatency = yield* Effect.forEach(latencies, (latency) =>
      point(plan, "latency", String(latency), { concurrency: plan.concurrency, latency })
    )
    return {
      figures: [],
      charts: [
        chartOf("benchmarks-concurrency.svg", `jobs in flight, AWS takes ${usualLatency} ms`, overConcurrency),
        chartOf("benchmarks-latency.svg", `ms that AWS takes, ${plan.concurrency} jobs in flight`, overLatency)
      ]
    }
  })
}

interface Point {
  readonly label: string
  readonly rates: ReadonlyArray<number>
  readonly p99s: ReadonlyArray<number>
}

const contestants = [worker, bullmq]

const point = Effect.fnUntraced(function* (
  plan: Plan,
  name: string,
  label: string,
  at: Pick<Load, "concurrency" | "latency">
) {
  const { concurrency, latency } = at
  const possible = latency === 0 ? plan.jobs : Math.ceil((concurrency / (latency / 1_000)) * seconds)
  const jobs = Math.min(plan.jobs, possible)
  const samples = yield* Effect.forEach(contestants, (contestant) =>
    sample(contestant, `curves-${name}-${label}-${contestant.name}`, {
      ...at,
      jobs,
      warmUp: warmUpJobs,
      accounts: plan.accounts
    })
  )
  const rates = samples.map(({ wall }) => jobs / (wall / 1_000))
  const p99s = samples.map(({ p99 }) => p99)
  yield* Console.log(
    `  ${concurrency} in flight, ${latency} ms: ` +
      contestants.map(({ name }, it) => `${name} ${rates[it]?.toFixed(0)}/s p99 ${p99s[it]?.toFixed(0)} ms`).join("; ")
  )
  return { label, rates, p99s } satisfies Point
})

const chartOf = (file: string, axis: string, points: ReadonlyArray<Point>): Chart => {
  const series = (values: (it: Point) => ReadonlyArray<number>) =>
    contestants.map(({ name }, index) => ({ name, values: points.map((it) => values(it)[index] ?? Number.NaN) }))
  return {
    file,
    axis,
    labels: points.map(({ label }) => label),
    panels: [
      { title: "jobs per second", series: series(({ rates }) => rates) },
      { title: "p99 from claim to final status, ms", series: series(({ p99s }) => p99s) }
    ]
  }
}
