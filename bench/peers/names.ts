/** BullMQ's queue. */
export const bullmqQueue = "bench"

/** graphile-worker's task. */
export const graphileTask = "attach"
