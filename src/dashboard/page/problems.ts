import type { MinuteOutcomes } from "../../domain/History.ts"
import type { Overview } from "../../domain/Overview.ts"
import { codeOf, plural, span } from "./format.ts"

export interface Problem {
  readonly severity: "error" | "warning" | "note"
  readonly text: string
  /** What to do, or to look at. */
  readonly remedy: string
}

const minute = 60_000

/** A job that has waited longer than this is worth a warning. */
const longWait = 5 * minute

/** Minutes over which failures are counted, and compared with all that ended. */
const lately = 15
const manyFailed = 5
const muchFailed = 0.2

/** Milliseconds for which nothing is said about a worker that is gone: another one takes over what it held. */
const recovering = 2 * minute

/** What is wrong, the worst first. Empty: all is well. */
export const problemsOf = (overview: Overview): ReadonlyArray<Problem> =>
  [replica, backends, pauses, outcomes, queue, workers, throttling]
    .flatMap((part) => part(overview))
    .toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))

const order = ["error", "warning", "note"]

type Judge = (overview: Overview) => ReadonlyArray<Problem>

const pauses: Judge = (overview) =>
  "problem" in overview.queue
    ? []
    : overview.queue.value.pauses.map(({ at, by, scope, why }) => ({
        severity: "warning",
        text: `${scope === "all" ? "All jobs are" : `Account ${scope} is`} paused by ${by} for ${span(overview.now - at)}`,
        remedy: `${why}. The command “resume” ends it.`
      }))

const replica: Judge = ({ replica: { credentialsFault, fetchFault, phase, workerId } }) => [
  ...(credentialsFault === null
    ? []
    : [
        {
          severity: "error" as const,
          text: `AWS refuses the worker's own credentials or clock: ${credentialsFault}`,
          remedy: "No jobs are taken until AWS knows the worker again. Check its credentials and the host's clock."
        }
      ]),
  ...(fetchFault === null
    ? []
    : [
        {
          severity: "error" as const,
          text: `Jobs cannot be taken from Redis: ${fetchFault}`,
          remedy: "Check that Redis runs, and what its ACL grants to the worker."
        }
      ]),
  ...(phase === "stopped"
    ? [
        {
          severity: "error" as const,
          text: `The fetch loop of ${workerId} has stopped`,
          remedy: "Restart it; its log says why."
        }
      ]
    : []),
  ...(phase === "draining"
    ? [
        {
          severity: "note" as const,
          text: `${workerId} is draining and will stop`,
          remedy: "Other replicas take its place."
        }
      ]
    : [])
]

const backends: Judge = ({ history, inFlight, queue: jobs }) => [
  ...("problem" in jobs ? [{ severity: "error" as const, text: "Redis cannot be read", remedy: jobs.problem }] : []),
  ...("problem" in history || "problem" in inFlight
    ? [
        {
          severity: "error" as const,
          text: "PostgreSQL cannot be read",
          remedy: "problem" in history ? history.problem : "problem" in inFlight ? inFlight.problem : ""
        }
      ]
    : [])
]

const sum = (minutes: ReadonlyArray<MinuteOutcomes>, of: "succeeded" | "failed") =>
  minutes.reduce((total, it) => total + it[of], 0)

const outcomes: Judge = ({ history }) => {
  if ("problem" in history) return []
  const recent = history.value.minutes.slice(-lately)
  const failed = sum(recent, "failed")
  const all = failed + sum(recent, "succeeded")
  if (failed < manyFailed || failed < muchFailed * all) return []
  const since = recent[0]?.minute ?? 0
  const [worst] = byCode(history.value.failures.filter(({ failedAt }) => failedAt >= since).map((it) => it.reason))
  return [
    {
      severity: "warning",
      text: `${plural(failed, "request")} of ${all} failed in the last ${lately} minutes`,
      remedy:
        worst === undefined ? "Look at the failures below." : `Most often: ${worst.code}. Look at the failures below.`
    }
  ]
}

/** How often reasons begin with each code, the most frequent first. */
export const byCode = (reasons: ReadonlyArray<string>) =>
  Array.from(Map.groupBy(reasons, codeOf), ([code, all]) => ({ code, times: all.length })).toSorted(
    (a, b) => b.times - a.times
  )

const queue: Judge = ({ now, queue: jobs }) => {
  if ("problem" in jobs) return []
  const { deadLetters, oldestReceivedAt } = jobs.value
  return [
    ...(oldestReceivedAt !== null && now - oldestReceivedAt > longWait
      ? [
          {
            severity: "warning" as const,
            text: `The next job has waited for ${span(now - oldestReceivedAt)}`,
            remedy:
              "Are the workers alive? Does one account have most of the jobs, or does AWS throttle it? If neither, more replicas help."
          }
        ]
      : []),
    ...(deadLetters > 0
      ? [
          {
            severity: "note" as const,
            text: plural(deadLetters, "dead letter"),
            remedy: "Each says why it is there. Once the cause is fixed, it can be replayed."
          }
        ]
      : [])
  ]
}

const workers: Judge = ({ now, queue: jobs }) =>
  "problem" in jobs
    ? []
    : jobs.value.workers
        .filter(({ aliveUntil, held }) => held > 0 && now - aliveUntil > recovering)
        .map(({ aliveUntil, held, workerId }) => ({
          severity: "warning",
          text: `${workerId} was lost ${span(now - aliveUntil)} ago and still holds ${plural(held, "job")}`,
          remedy: "Another worker should have taken them back by now. Do the logs of the living workers say why not?"
        }))

const throttling: Judge = ({ throttled }) =>
  throttled.length === 0
    ? []
    : [
        {
          severity: "note",
          text: `AWS throttles ${plural(throttled.length, "account")}`,
          remedy: "They are called at the pace that AWS allows; the others are not slowed down."
        }
      ]
