import { type Counts, total } from "./counters.ts"
import { type Spread, spreadOf } from "./measure.ts"
import type { Round, Traffic } from "./passes.ts"
import type { Plan } from "./plan.ts"

export interface Results {
  readonly rounds: ReadonlyArray<Round>
  readonly traffic: Traffic
  readonly starts: Spread
  readonly memory: { readonly resident: number; readonly peak: number }
}

/** What the project wants: none of these may be more. */
const bars = { cpuRatio: 1.5, statements: 2, readyMillis: 1_500, residentMegabytes: 200 }

/** One round as it ends. */
export const roundLine = ({ jobs }: Plan, { limit, worker }: Round): string =>
  `  worker ${(worker.cpu / jobs).toFixed(2)} ms/job, ${perSecond(jobs, worker.wall)} jobs/s;  ` +
  `bare SDK ${(limit.cpu / jobs).toFixed(2)} ms/call, ${perSecond(jobs, limit.wall)} calls/s;  ` +
  `CPU ratio ${(worker.cpu / limit.cpu).toFixed(2)}`

/** The table. */
export const table = (plan: Plan, { memory, rounds, starts, traffic }: Results): string => {
  const spread = (of: (round: Round) => number) => spreadOf(rounds.map(of))
  const ratio = spread(({ limit, worker }) => worker.cpu / limit.cpu)
  const statements = traffic.statements / traffic.jobs
  return align([
    ["", "median", "min..max", "bar", ""],
    ["CPU per job, worker", ...spreadOfMillis(spread(({ worker }) => worker.cpu / plan.jobs)), "", ""],
    ["CPU per call, bare SDK", ...spreadOfMillis(spread(({ limit }) => limit.cpu / plan.jobs)), "", ""],
    ["CPU, worker / bare SDK", ...spreadText(ratio, 2, ""), `≤ ${bars.cpuRatio}`, verdict(ratio.median, bars.cpuRatio)],
    [
      "jobs per second, worker",
      ...spreadText(
        spread(({ worker }) => plan.jobs / (worker.wall / 1_000)),
        0,
        ""
      ),
      "",
      ""
    ],
    [
      "calls per second, bare SDK",
      ...spreadText(
        spread(({ limit }) => plan.jobs / (limit.wall / 1_000)),
        0,
        ""
      ),
      "",
      ""
    ],
    [
      "SQL statements per job",
      statements.toFixed(2),
      "",
      `≤ ${bars.statements}`,
      // A probe or a sweep that falls into the pass is no statement of a job.
      verdict(Number(statements.toFixed(2)), bars.statements)
    ],
    [
      "Redis commands per job",
      (total(traffic.redis) / traffic.jobs).toFixed(2),
      perJob(traffic, traffic.redis),
      "",
      ""
    ],
    ["AWS calls per job", (total(traffic.aws) / traffic.jobs).toFixed(2), perJob(traffic, traffic.aws), "", ""],
    [
      "start to /ready",
      ...spreadText(starts, 0, " ms"),
      `≤ ${bars.readyMillis} ms`,
      verdict(starts.median, bars.readyMillis)
    ],
    [
      `memory after ${plan.memoryJobs} jobs`,
      `${memory.resident.toFixed(0)} MB`,
      `peak ${memory.peak.toFixed(0)} MB`,
      `< ${bars.residentMegabytes} MB`,
      verdict(memory.resident, bars.residentMegabytes)
    ]
  ])
}

const verdict = (value: number, bar: number): string => (value <= bar ? "met" : "MISSED")

const spreadText = ({ max, median, min }: Spread, digits: number, unit: string) =>
  [`${median.toFixed(digits)}${unit}`, `${min.toFixed(digits)}..${max.toFixed(digits)}`] as const

const spreadOfMillis = (spread: Spread) => spreadText(spread, 2, " ms")

const perSecond = (count: number, millis: number) => (count / (millis / 1_000)).toFixed(0)

/** The few that every so many jobs need are left out. */
const perJob = ({ jobs }: Traffic, counts: Counts): string =>
  Object.entries(counts)
    .filter(([, count]) => count / jobs >= 0.005)
    .map(([name, count]) => `${name} ${(count / jobs).toFixed(2)}`)
    .join(", ")

const align = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? "").length))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(width(column)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
