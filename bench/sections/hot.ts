import { Console, Effect } from "effect"
import { type HotRun, watchOthers } from "../hotAccount.ts"
import { atLeast, atMost, ofRounds } from "../Figure.ts"
import { percentile, spreadOf } from "../measure.ts"
import type { Section } from "../Section.ts"

/** Many jobs of one account that AWS throttles lie ahead of everybody's: what do the others see of it? */
export const hot: Section = {
  name: "hot",
  title: "A hot account",
  measure: Effect.fnUntraced(function* (plan) {
    const alone: Array<HotRun> = []
    const beside: Array<HotRun> = []
    for (let round = 1; round <= plan.hotRounds; round++) {
      const runs = [
        [alone, watchOthers(plan, false)],
        [beside, watchOthers(plan, true)]
      ] as const
      for (const [results, run] of round % 2 === 1 ? runs : runs.toReversed()) {
        const result = yield* run
        results.push(result)
        yield* Console.log(`  ${results === beside ? "beside the hot account" : "alone"}: ${describe(result)}`)
      }
    }
    const ratios = beside.map((run, round) => p99(run) / p99(alone[round] ?? run))
    const calls = beside.flatMap(({ hot }) => (hot === undefined ? [] : [hot]))
    return {
      figures: [
        ofRounds("others' p99, alone", spreadOf(alone.map(p99)), { digits: 0, unit: " ms" }),
        ofRounds("others' p99, beside the hot account", spreadOf(beside.map(p99)), { digits: 0, unit: " ms" }),
        ofRounds("others' p99, beside / alone", spreadOf(ratios), { digits: 2, bar: atMost(1.3) }),
        ofRounds("others' jobs not done, beside the hot account", spreadOf(beside.map((run) => run.unfinished)), {
          digits: 0,
          bar: atMost(0)
        }),
        ofRounds("hot account's calls that succeed / its limit", spreadOf(calls.map(({ goodput }) => goodput)), {
          digits: 2,
          bar: atLeast(0.95)
        }),
        ofRounds("hot account's calls that are throttled", spreadOf(calls.map(({ throttled }) => throttled * 100)), {
          digits: 1,
          unit: " %",
          bar: atMost(5, " %")
        })
      ]
    }
  })
}

const p99 = ({ latencies }: HotRun) => percentile(latencies, 0.99)

const describe = ({ hot, latencies, unfinished }: HotRun): string =>
  `p50 ${percentile(latencies, 0.5).toFixed(0)} ms, p99 ${percentile(latencies, 0.99).toFixed(0)} ms, ` +
  `${unfinished} not done` +
  (hot === undefined
    ? ""
    : `; hot account ${(hot.goodput * 100).toFixed(0)} % of its limit, ${(hot.throttled * 100).toFixed(0)} % of its calls throttled`)
