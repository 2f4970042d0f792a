import { Layer } from "effect"
import { DatabaseConfigLive, QueueConfigLive, RedisConfigLive } from "../layers/environment/ConfigLive.ts"
import { JobStoreSql } from "../layers/postgres/JobStoreSql.ts"
import { SqlLive } from "../layers/postgres/SqlLive.ts"
import { DeadLettersRedis } from "../layers/queue/DeadLettersRedis.ts"
import { JobQueueRedis } from "../layers/queue/JobQueueRedis.ts"
import { PausesRedis } from "../layers/queue/PausesRedis.ts"
import { WorkersRedis } from "../layers/queue/WorkersRedis.ts"
import { RedisLive } from "../layers/redis/RedisLive.ts"

// What commands work on. Each needs no more variables, and no more servers, than it uses.

export const Database = JobStoreSql.pipe(Layer.provide(SqlLive), Layer.provide(DatabaseConfigLive))

export const DeadLetterList = DeadLettersRedis.pipe(Layer.provide(RedisLive), Layer.provideMerge(RedisConfigLive))

export const KillSwitch = PausesRedis.pipe(Layer.provide(RedisLive), Layer.provide(RedisConfigLive))

export const DatabaseAndQueue = Layer.mergeAll(
  DeadLettersRedis,
  JobQueueRedis,
  JobStoreSql,
  PausesRedis,
  WorkersRedis
).pipe(Layer.provide(Layer.mergeAll(RedisLive, SqlLive)), Layer.provideMerge(QueueConfigLive))
