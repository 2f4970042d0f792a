/**
 * The keys, all named after the job list. The braces are a hash tag, which keeps them in the slot of that list on Redis Cluster:
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export const keysOf = (queue: string) => ({
  queue,
  processing: (workerId: string) => `{${queue}}:processing:${workerId}`,
  workers: `{${queue}}:workers`,
  parkedAccounts: `{${queue}}:parked`,
  parked: (accountId: string) => `{${queue}}:parked:${accountId}`,
  paused: `{${queue}}:paused`,
  delayed: `{${queue}}:delayed`,
  deadLetters: `${queue}_error`,
  cachedStatus: (correlationId: string) => `cache:status:${correlationId}`
})
