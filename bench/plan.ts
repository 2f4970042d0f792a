import { Duration } from "effect"

/** What one run of the bench does. */
export interface Plan {
  /** Jobs of one measured round, and calls of the bare process beside it. */
  readonly jobs: number
  readonly rounds: number
  /** Rounds of what takes longer: with AWS's latency, with many processes, among a million. */
  readonly longRounds: number
  /** Rounds with and without a hot account, and the seconds that each is watched. */
  readonly hotRounds: number
  readonly hotSeconds: number
  /** Target accounts that the jobs are spread over. */
  readonly accounts: number
  /** `WORKER_CONCURRENCY`, and calls in flight of the bare process. */
  readonly concurrency: number
  /** Jobs that an idle worker is given one by one. */
  readonly idleJobs: number
  /** Jobs queued, and as many settled rows, of a system in long use. */
  readonly million: number
  /** Jobs after which the worker's memory is read first, and at last. */
  readonly memoryJobs: number
  readonly manyJobs: number
  /** Target accounts of those. */
  readonly manyAccounts: number
  /** Starts whose time to `/ready` is taken. */
  readonly starts: number
}

/** How one contestant is put to work. */
export interface Load {
  readonly jobs: number
  readonly warmUp: number
  readonly accounts: number
  /** Jobs in flight. */
  readonly concurrency: number
  /** Milliseconds that AWS takes to answer. */
  readonly latency: number
}

/** Jobs before each measurement, so that code is compiled, sessions are assumed and connections are open. */
export const warmUpJobs = 500

/** The load of most rounds: AWS answers at once. */
export const loadOf = ({ accounts, concurrency, jobs }: Plan): Load => ({
  jobs,
  warmUp: warmUpJobs,
  accounts,
  concurrency,
  latency: 0
})

/** What AWS takes to answer in the rounds that are about waiting for it, in milliseconds. */
export const usualLatency = 100

/** Far beyond what these jobs take on a slow machine. */
export const patienceFor = (jobs: number): Duration.Duration => Duration.seconds(30 + jobs / 25)

/** The same on both sides. */
export const policy = "ReadOnlyAccess"
export const region = "us-east-1"
export const roleName = "cSecBridgeIAMHandlerRole"
export const sessionName = "cSecBridgeWorkerSession"

/** The first of the accounts, which have consecutive numbers. */
export const firstAccount = 100_000_000_000

/** The worker's queue. */
export const queue = "queue:aws"
