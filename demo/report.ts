import { Array, Duration, Option, Record } from "effect"
import type { Outcome } from "./Job.ts"
import type { Observed } from "./observe.ts"
import { kinds } from "./scenario.ts"
import type { Mismatch } from "./verify.ts"

/** A line for each kind of job. */
export const table = ({ outcomes }: Observed, mismatches: ReadonlyArray<Mismatch>): string => {
  const faulty = new Set(mismatches.map(({ job }) => job))
  const groups = Array.groupBy(outcomes, ([job]) => job.kind)
  const row = (kind: string, some: (typeof groups)[string]) => {
    const expected = describe(some[0][0].expected)
    const ends = Array.map(some, ([job, outcome]) => {
      const end = describe(outcome)
      return faulty.has(job) && end === expected ? `${end}, but see below` : end
    })
    const ok = some.every(([job]) => !faulty.has(job))
    return [kind, String(some.length), expected, count(expected, ends), ok ? "ok" : "NOT OK"]
  }
  return align([
    ["kind of job", "jobs", "expected", "ended so", ""],
    ...kinds.flatMap(({ name }) => Option.toArray(Option.map(Record.get(groups, name), (some) => row(name, some))))
  ])
}

/** How many ended as expected, and how each of the others did. */
const count = (expected: string, ends: Array.NonEmptyReadonlyArray<string>): string =>
  Object.entries(Array.groupBy(ends, (end): string => (end === expected ? "" : end)))
    .map(([end, { length }]) => (end === "" ? `${length === ends.length ? "all " : ""}${length}` : `${length} ${end}`))
    .join("; ")

const describe = ({ deadLetter, deliveries, reason, status }: Outcome): string =>
  [
    [status, reason === "applied" ? "" : reason].join(" ").trim(),
    deliveries > 1 ? `${deliveries} deliveries` : "",
    deadLetter === "" ? "" : deadLetter === reason ? "dead letter" : `dead letter ${deadLetter}`
  ]
    .filter((part) => part !== "")
    .join(", ")

export const legend = `  ok           row, audit trail, AWS request id, policies attached, calls that AWS carried out, dead letters
               and the API's cache are as they had to be, and no payload is left behind
  already so   there was nothing to remove
  found so     AWS's answer was lost, so the worker read what is attached before it would call again
  dead letter  the payload lies in queue:aws_error, byte for byte, with the reason`

export const speed = (jobs: number, took: Duration.Duration): string => {
  const seconds = Duration.toSeconds(took)
  return (
    `${jobs} jobs in ${seconds.toFixed(1)} s, ${(jobs / seconds).toFixed(0)} a second. ` +
    "The last seconds went to the few that had to wait."
  )
}

/** What is not as it had to be: a line for each job, with its traces below. */
export const mismatchLines = (mismatches: ReadonlyArray<Mismatch>): string =>
  Object.entries(
    Array.groupBy(mismatches, ({ job }): string => (job === undefined ? "altogether" : `${job.kind}, job ${job.id}`))
  )
    .map(([subject, some]) => [`  ${subject}`, ...some.map(({ text }) => `    ${text}`)].join("\n"))
    .join("\n")

/** The second column is of numbers. */
const align = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? "").length))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 1 ? cell.padStart(width(column)) : cell.padEnd(width(column))))
        .join("  ")
        .trimEnd()
    )
    .map((line) => `  ${line}`)
    .join("\n")
}
