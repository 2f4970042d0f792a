import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The owner of our schema, and the two roles that use it: the API's and the worker's. */
export const owner = "csb_app"
export const users = ["csb_api_user", "csb_aws_user"] as const

/**
 * What has to exist before the migrations can run as `csb_app`: the roles, without passwords, and the schema. Each step is
 * skipped when it is done already, so that an owner who may not create roles can run it again.
 */
export const bootstrap = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  const roles = yield* sql<{ readonly rolname: string }>`SELECT rolname::text FROM pg_roles`
  const existing = new Set(roles.map((it) => it.rolname))
  if (!existing.has(owner)) yield* sql`CREATE ROLE ${sql(owner)} NOLOGIN`
  for (const user of users) {
    if (!existing.has(user)) yield* sql`CREATE ROLE ${sql(user)} LOGIN`
  }

  // The migrations run as csb_app. Since PostgreSQL 16 the creator of a role may grant it to itself, but is not a member yet.
  const [me] = yield* sql<{ readonly member: boolean }>`
    SELECT pg_has_role(current_user, ${owner},
      CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS member`
  if (me?.member !== true) yield* sql`GRANT ${sql(owner)} TO CURRENT_USER`

  const [schema] = yield* sql`SELECT FROM pg_namespace WHERE nspname = ${owner}`
  if (schema === undefined) yield* sql`CREATE SCHEMA ${sql(owner)} AUTHORIZATION ${sql(owner)}`

  for (const user of users) {
    const [path] = yield* sql`
      SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
      WHERE r.rolname = ${user} AND s.setdatabase = 0 AND 'search_path=csb_app, public' = ANY (s.setconfig)`
    if (path === undefined) yield* sql`ALTER ROLE ${sql(user)} SET search_path = csb_app, public`
  }
})
