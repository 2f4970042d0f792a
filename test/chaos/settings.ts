/** Milliseconds; short, so that a minute shows what else takes an hour. */
export const lease = 3_000
export const sweepInterval = 1_000
export const orphanAfter = 6_000
export const grace = 5_000

/** Milliseconds from the loss of a worker to the end of what it had in its hands: the interval may be a tenth longer. */
export const recoveryBound = lease + 2 * 1.1 * sweepInterval

/** Milliseconds from the return of a server to the end of a job that is submitted then. */
export const returnBound = 5_000

/** Milliseconds that a machine with other work may take on top. */
export const tolerance = 8_000

const millis = (time: number) => `${time} millis`

/** Where a replica differs from its defaults. No number of deliveries is too many: what is asked for is to happen. */
export const replicaSettings = {
  AWS_CALL_TIMEOUT: "1 second",
  RETRY_BASE_DELAY: "50 millis",
  RETRY_MAX_DELAY: "500 millis",
  JOB_MAX_DELIVERIES: "0",
  JOB_LEASE: millis(lease),
  RECOVERY_INTERVAL: millis(sweepInterval),
  ORPHAN_AFTER: millis(orphanAfter),
  SHUTDOWN_GRACE: millis(grace),
  WORKER_CONCURRENCY: "16",
  // So that jobs are parked, too.
  ACCOUNT_CONCURRENCY: "4"
}
