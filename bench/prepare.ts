import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { BenchFailure } from "./BenchFailure.ts"
import { projectFolder } from "./child.ts"
import { onRedis } from "./redis.ts"
import { Servers } from "./servers.ts"
import { databaseVariables } from "./worker.ts"

/** Finished requests that stand in the database beforehand: plans and indexes are those of a database in use. */
const historySize = 20_000

/** Compiles the worker. */
export const build = run("npm", ["run", "--silent", "build"], {})

/** Our schema as the built program makes it, in this database, and the worker's password. */
export const prepareDatabase = Effect.fnUntraced(function* (database: string) {
  const { postgres } = yield* Servers
  const sql = yield* SqlClient.SqlClient
  yield* run(process.execPath, ["dist/main.js", "migrate"], databaseVariables(postgres, postgres.user, database))
  yield* sql`ALTER ROLE csb_aws_user PASSWORD ${sql.literal(`'${postgres.password}'`)}`
})

/** Every section starts with the same: a past in the database, and nothing in Redis. */
export const startAfresh = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* onRedis((redis) => redis.flushall())
  yield* sql`TRUNCATE csb_app.csb_requests, csb_app.csb_requests_audit, csb_app.csb_requests_ref`
  yield* writePast(historySize)
  yield* sql`VACUUM ANALYZE`
})

/** So many requests that were carried out long ago. */
export const writePast = Effect.fnUntraced(function* (requests: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    INSERT INTO csb_app.csb_requests (correlation_id, client_req_id, status, req_time_stamp, last_upd_time_stamp, cloud_provider,
      principal, action, entitlement, account_id)
    SELECT gen_random_uuid(), 'history', 'SUCCESS', now() - interval '1 day', now() - interval '1 day', 'aws', 'past-' || n, 'add',
      'ReadOnlyAccess', '999999999999'
    FROM generate_series(1, ${requests}::int) AS n`
  yield* sql`
    INSERT INTO csb_app.csb_requests_audit (correlation_id, status, audit_timestamp, audit_log)
    SELECT correlation_id, unnest('{IN_PROGRESS,SUCCESS}'::csb_app.status_enum[]), now() - interval '1 day', 'history'
    FROM csb_app.csb_requests WHERE client_req_id = 'history'`
  yield* sql`
    INSERT INTO csb_app.csb_requests_ref (cloud_provider, correlation_id, ref_id)
    SELECT 'aws', correlation_id, gen_random_uuid() FROM csb_app.csb_requests WHERE client_req_id = 'history'`
})

function run(command: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) {
  return Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const code = yield* spawner.exitCode(
      ChildProcess.make(command, args, {
        cwd: projectFolder,
        env,
        extendEnv: true,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "inherit"
      })
    )
    if (code !== 0) return yield* new BenchFailure({ message: `${command} ${args.join(" ")} ended with ${code}` })
  }).pipe(
    Effect.timeoutOrElse({
      duration: "2 minutes",
      orElse: () => Effect.fail(new BenchFailure({ message: `${command} ${args.join(" ")} did not end` }))
    })
  )
}
