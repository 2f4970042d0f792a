import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { BenchFailure } from "./BenchFailure.ts"
import { Servers } from "./servers.ts"
import { databaseVariables, projectFolder } from "./worker.ts"

/** Finished requests that stand in the database beforehand: plans and indexes are those of a database in use. */
const historySize = 20_000

/** Compiles the worker. */
export const build = run("npm", ["run", "--silent", "build"], {})

/** Our schema as the built program makes it, the worker's password, and a past. */
export const prepareDatabase = Effect.gen(function* () {
  const { postgres } = yield* Servers
  const sql = yield* SqlClient.SqlClient
  yield* run(process.execPath, ["dist/main.js", "migrate"], databaseVariables(postgres, postgres.user))
  yield* sql`ALTER ROLE csb_aws_user PASSWORD ${sql.literal(`'${postgres.password}'`)}`
  yield* sql`
    INSERT INTO csb_app.csb_requests (correlation_id, client_req_id, status, last_upd_time_stamp, cloud_provider, principal, action, entitlement, account_id)
    SELECT gen_random_uuid(), 'history', 'SUCCESS', now(), 'aws', 'past-' || n, 'add', 'ReadOnlyAccess', '999999999999'
    FROM generate_series(1, ${historySize}::int) AS n`
  yield* sql`
    INSERT INTO csb_app.csb_requests_audit (correlation_id, status, audit_log)
    SELECT correlation_id, unnest('{IN_PROGRESS,SUCCESS}'::csb_app.status_enum[]), 'history' FROM csb_app.csb_requests`
  yield* sql`
    INSERT INTO csb_app.csb_requests_ref (cloud_provider, correlation_id, ref_id)
    SELECT 'aws', correlation_id, gen_random_uuid() FROM csb_app.csb_requests`
  yield* sql`VACUUM ANALYZE`
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
