import type { Job, Outcome } from "./Job.ts"
import type { Observed } from "./observe.ts"

/** Something that is not as it had to be. */
export interface Mismatch {
  /** A job, or none. */
  readonly job: Job | undefined
  readonly text: string
}

/** Compares what was observed with what was expected, to the last trace. */
export const verify = ({ attachments, leftovers, outcomes, strangeLetters }: Observed): ReadonlyArray<Mismatch> => {
  const expectedAttachments = outcomes.reduce((sum, [job]) => sum + job.expected.policies.length, 0)
  return [
    ...outcomes.flatMap(([job, outcome]) => differences(job.expected, outcome).map((text) => ({ job, text }))),
    ...expectCount("payloads left in the queue or with the worker", 0, leftovers),
    ...expectCount("dead letters with other bytes than were pushed", 0, strangeLetters),
    ...expectCount("policies attached in all accounts", expectedAttachments, attachments)
  ]
}

const differences = (expected: Outcome, actual: Outcome): ReadonlyArray<string> => {
  const actuals = new Map(Object.entries(actual).map(([trace, value]) => [trace, JSON.stringify(value)]))
  return Object.entries(expected)
    .map(([trace, value]) => ({ trace, wanted: JSON.stringify(value), found: actuals.get(trace) }))
    .filter(({ found, wanted }) => found !== wanted)
    .map(({ found, trace, wanted }) => `${trace}: expected ${wanted}, found ${found}`)
}

const expectCount = (what: string, expected: number, actual: number): ReadonlyArray<Mismatch> =>
  actual === expected ? [] : [{ job: undefined, text: `${what}: expected ${expected}, found ${actual}` }]
