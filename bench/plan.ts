import { Duration } from "effect"

/** What one run of the bench does. */
export interface Plan {
  /** Jobs of one measured round, and calls of the bare process beside it. */
  readonly jobs: number
  readonly rounds: number
  /** Target accounts that the jobs are spread over. */
  readonly accounts: number
  /** `WORKER_CONCURRENCY`, and calls in flight of the bare process. */
  readonly concurrency: number
  /** Jobs before the worker's memory is read. */
  readonly memoryJobs: number
  /** Starts whose time to `/ready` is taken. */
  readonly starts: number
}

/** Jobs before each measurement, so that code is compiled, sessions are assumed and connections are open. */
export const warmUpJobs = 500

/** Far beyond what these jobs take on a slow machine. */
export const patienceFor = (jobs: number): Duration.Duration => Duration.seconds(30 + jobs / 25)

/** The same on both sides. */
export const policy = "ReadOnlyAccess"
export const region = "us-east-1"
export const roleName = "cSecBridgeIAMHandlerRole"
export const sessionName = "cSecBridgeWorkerSession"

/** The first of the accounts, which have consecutive numbers. */
export const firstAccount = 100_000_000_000
