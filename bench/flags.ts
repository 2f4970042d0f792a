import { Schema } from "effect"
import { Flag } from "effect/cli"

const count = (name: string, description: string, value: number) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${description} (${value})`),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000_000 }))),
    Flag.withDefault(value)
  )

/** The fields of a `Plan`. */
export const planFlags = {
  jobs: count("jobs", "Jobs of a measured round", 5_000),
  rounds: count("rounds", "Rounds of worker, bare SDK and peers by turns", 5),
  longRounds: count("long-rounds", "Rounds of what takes longer: waiting, million, replicas", 3),
  hotRounds: count("hot-rounds", "Rounds with and without a hot account", 2),
  hotSeconds: count("hot-seconds", "Seconds that each of those is watched", 33),
  accounts: count("accounts", "Target accounts", 50),
  concurrency: count("concurrency", "Jobs in flight", 64),
  idleJobs: count("idle-jobs", "Jobs that an idle worker is given one by one", 500),
  million: count("million", "Jobs queued, and as many settled rows, of a full system", 1_000_000),
  memoryJobs: count("memory-jobs", "Jobs before the worker's memory is read first", 10_000),
  manyJobs: count("many-jobs", "And before it is read at last", 100_000),
  manyAccounts: count("many-accounts", "Target accounts of those", 2_000),
  starts: count("starts", "Starts whose time to /ready is taken", 5)
}
