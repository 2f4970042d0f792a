import type { Outcome, Plan } from "./run.ts"
import { grace, recoveryBound, returnBound } from "./settings.ts"

const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`

const spread = (times: ReadonlyArray<number>) => {
  const sorted = times.toSorted((one, other) => one - other)
  const median = sorted[Math.floor((sorted.length - 1) / 2)]
  const max = sorted.at(-1)
  return median === undefined || max === undefined
    ? "none"
    : `p50 ${seconds(median)}, max ${seconds(max)}, of ${sorted.length}`
}

/** What must not be. */
export const complaints = ({ broken, doubled, lost, outOfOrder, tally }: Outcome): ReadonlyArray<string> => [
  ...lost.map((text) => `lost: ${text}`),
  ...doubled.map((text) => `doubled: ${text}`),
  ...outOfOrder.map((text) => `out of order: ${text}`),
  ...broken.map((text) => `broken trail: ${text}`),
  ...tally.drains
    .filter(({ code, took }) => code !== 0 || took > grace)
    .map(({ code, took }) => `a drain took ${seconds(took)} and ended with ${code}`)
]

export const render = (plan: Plan, outcome: Outcome): string => {
  const { broken, deadLetters, doubled, jobs, lost, outOfOrder, settled, tally, workerLost } = outcome
  const faults = Array.from(tally.faults).toSorted(([, one], [, other]) => other - one)
  const lines: ReadonlyArray<readonly [string, string | number]> = [
    ["seed", plan.seed],
    ["faults injected", tally.begun],
    ...faults.map(([name, times]) => [`  ${name}`, times] as const),
    ["jobs", jobs],
    ["lost", lost.length],
    ["doubled", doubled.length],
    ["out of order", outOfOrder.length],
    ["broken audit trails", broken.length],
    ["failed, since three workers were lost with it", workerLost],
    ["dead letters", deadLetters],
    [
      `recovery time, bound ${seconds(recoveryBound)}`,
      spread(tally.recoveries.filter(({ alone }) => alone).map(({ took }) => took))
    ],
    ["  with more faults meanwhile", spread(tally.recoveries.filter(({ alone }) => !alone).map(({ took }) => took))],
    [`going on after an outage, bound ${seconds(returnBound)}`, spread(tally.returns)],
    [`drains, grace ${seconds(grace)}`, spread(tally.drains.map(({ took }) => took))],
    ["all done after the last fault", seconds(settled)]
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  return [
    ...lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    ...complaints(outcome).map((text) => `\n${text}`)
  ].join("\n")
}
