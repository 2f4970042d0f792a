import { Effect } from "effect"
import type { Replica } from "./Replica.ts"
import { PrivateServers } from "./PrivateServers.ts"
import { Stage } from "./Stage.ts"

/** A server that is away, or as good as, from `begin` to `end`. */
export interface Outage {
  /** What `/ready` says is failing. */
  readonly part: RegExp
  readonly begin: Effect.Effect<void, unknown, Stage | PrivateServers>
  readonly end: Effect.Effect<void, unknown, Stage | PrivateServers>
}

const asWorker = "csb_aws_user"

export const outages = {
  "PostgreSQL stopped with -m immediate": {
    part: /postgresql/,
    begin: Effect.flatMap(PrivateServers, ({ postgres }) => postgres.crash),
    end: Effect.flatMap(PrivateServers, ({ postgres }) => postgres.start)
  },
  "no connection to PostgreSQL left": {
    part: /postgresql/,
    begin: Effect.gen(function* () {
      const { sql } = yield* Stage
      yield* sql`ALTER ROLE ${sql(asWorker)} CONNECTION LIMIT 0`
      yield* sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${asWorker}`
    }),
    end: Effect.flatMap(Stage, ({ sql }) => sql`ALTER ROLE ${sql(asWorker)} CONNECTION LIMIT -1`)
  },
  "Redis restarted empty": {
    part: /redis/,
    begin: Effect.flatMap(PrivateServers, ({ redis }) => redis.crash),
    end: Effect.flatMap(PrivateServers, ({ redis }) => redis.start)
  },
  "Redis turned read-only replica": {
    part: /READONLY/,
    // Of a master that nobody will ever reach, so that the data stays.
    begin: Effect.flatMap(Stage, ({ redis }) => Effect.tryPromise(() => redis.replicaof("127.0.0.1", 1))),
    end: Effect.flatMap(Stage, ({ redis }) => Effect.tryPromise(() => redis.replicaof("NO", "ONE")))
  }
} as const satisfies Record<string, Outage>

/** All connections of these replicas, five times in three seconds. */
export const cutFiveTimes = (replicas: ReadonlyArray<Replica>) =>
  Effect.forEach(
    [1, 2, 3, 4, 5],
    () =>
      Effect.forEach(replicas, ({ postgres, redis }) => Effect.andThen(postgres.cut, redis.cut), {
        discard: true
      }).pipe(Effect.andThen(Effect.sleep("600 millis"))),
    { discard: true }
  )
