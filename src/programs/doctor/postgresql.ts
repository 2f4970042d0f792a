import { Effect } from "effect"
import { failed, ok, type Outcome, warning } from "../../domain/Finding.ts"
import type { BackendUnavailable } from "../../domain/StartupError.ts"
import {
  DatabaseProbe,
  type DatabaseServer,
  type DatabaseSession,
  type HiddenRows,
  type MissingGrant,
  type Unfound
} from "../../services/DatabaseProbe.ts"
import { check, checkAfter, checkBackend, remedyFor } from "../checks/check.ts"

const names = {
  server: "postgresql",
  schema: "postgresql schema",
  grants: "postgresql grants",
  rows: "postgresql rows",
  statements: "postgresql statements",
  indexes: "postgresql indexes"
}

/** The connection, schema and labels, rights, row-level security, the worker's own statements, indexes. */
export const checkPostgresql = Effect.flatMap(DatabaseProbe, ({ connect }) =>
  checkBackend(names, connect, unusable, examine)
)

const examine = Effect.fnUntraced(function* (session: DatabaseSession) {
  const found = yield* Effect.cached(session.server)
  const server = yield* check(names.server, Effect.map(found, ofServer))
  const schema = yield* checkAfter(
    server,
    names.schema,
    Effect.flatMap(found, (it) => lookAtSchema(session, it))
  )
  const grants = yield* checkAfter(
    schema,
    names.grants,
    Effect.zipWith(session.missingGrants, found, (missing, { user }) => ofGrants(missing, user))
  )
  const rows = yield* checkAfter(
    grants,
    names.rows,
    Effect.zipWith(session.visibility, found, (visibility, { user }) =>
      visibility.hidden.length > 0
        ? hiddenRows(visibility.hidden, user)
        : visibility.active && !visibility.seesAny && visibility.estimated > 0
          ? warning(
              `${user} sees no AWS request, though csb_requests has some ${visibility.estimated} rows`,
              "If some of them are AWS requests, look at the table's row-level security policies: SELECT * FROM pg_policies"
            )
          : ok(
              visibility.active
                ? "row-level security lets AWS requests be seen and changed"
                : `no row-level security applies to ${user}`
            )
    )
  )
  const statements = yield* checkAfter(
    grants,
    names.statements,
    Effect.map(session.refusedStatements, (refused) =>
      refused.length === 0
        ? ok("PostgreSQL plans every statement of the worker")
        : failed(
            refused.map(({ name, reason }) => `${name}: ${reason}`).join("; "),
            "Give the columns the types that migrate gives them, and grant the role what is missing"
          )
    )
  )
  const indexes = yield* checkAfter(
    schema,
    names.indexes,
    Effect.map(session.missingIndexes, (missing) =>
      missing.length === 0
        ? ok("what the worker looks for is indexed")
        : warning(
            `no index for ${missing.join(", ")}: whole tables are read`,
            "Run migrate as an owner; for a legacy schema, create the indexes of docs/replace-python.md"
          )
    )
  )
  return [server, schema, grants, rows, statements, indexes]
})

const unusable = ({ address, reason, remedy }: BackendUnavailable): Outcome =>
  failed(
    `cannot use ${address}: ${reason}`,
    remedyFor(
      reason,
      [
        [
          /password/,
          "Set DB_USER and DB_PASSWORD to a login of the worker's role; ALTER ROLE … PASSWORD sets a new password"
        ],
        [
          /not permitted to log in/,
          "As a superuser: ALTER ROLE … LOGIN, or set DB_USER to the worker's role, csb_aws_user"
        ],
        [/^role /, "Set DB_USER to the worker's role, csb_aws_user; migrate creates it where it is missing"],
        [/^database /, "Set DB_NAME to the database that holds csb_requests"],
        [/^permission denied for database /, "As its owner: GRANT CONNECT ON DATABASE … TO the worker's role"],
        [
          /pg_hba\.conf/,
          "Allow the worker's address in pg_hba.conf; if only encrypted connections are allowed, set DB_SSL"
        ],
        [
          /SSL|TLS|certificate|self.signed/i,
          "Set DB_SSL to what the server offers, and DB_SSL_CA to the CA of its certificate"
        ],
        [/too many|connection slots/, "Lower DB_POOL_MAX_CONN or the number of workers, or raise max_connections"],
        [/startup parameter/, "Let the pooler ignore it: ignore_startup_parameters = statement_timeout"],
        [/ENOTFOUND|EAI_AGAIN/, "Correct DB_HOST: there is no such name"],
        [
          /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|timed? ?out|no answer/i,
          "Start PostgreSQL, or correct DB_HOST and DB_PORT; look at the firewalls between"
        ]
      ],
      remedy
    )
  )

const ofServer = ({ database, readOnly, user, version }: DatabaseServer): Outcome =>
  readOnly
    ? failed(`${database} takes no writes: it is a standby, or set to read only`, "Set DB_HOST to the primary")
    : ok(`PostgreSQL ${version}, database ${database}, as ${user}`)

const lookAtSchema = (session: DatabaseSession, { user }: DatabaseServer) =>
  Effect.zipWith(session.labels, session.behind, (labels, behind) =>
    behind
      ? warning(
          "an older version's migrate made it: access may not end by itself, and verify cannot tell",
          "Run migrate of this version as an owner, then restart all workers"
        )
      : ok(`all tables and columns are there, with the labels ${Object.values(labels).join(", ")}`)
  ).pipe(
    Effect.catchTag("SchemaUnsupported", ({ missing }) =>
      Effect.map(session.unfound, (unfound) =>
        failed(
          `missing: ${missing.join("; ")}`,
          unfound.length > 0
            ? unfound.map((it) => reach(it, user)).join("; ")
            : "Run migrate as an owner, or add to the tables what is missing"
        )
      )
    )
  )

const reach = ({ schema, table, usable }: Unfound, user: string): string =>
  `${table} is in the schema ${schema}: ` +
  (usable ? `ALTER ROLE ${user} SET search_path = ${schema}, public` : `GRANT USAGE ON SCHEMA ${schema} TO ${user}`)

/** As a GRANT says it. */
export const rightOf = ({ columns, on, privilege }: MissingGrant): string =>
  `${privilege}${columns.length > 0 ? ` (${columns.join(", ")})` : ""} ON ${on}`

const ofGrants = (missing: ReadonlyArray<MissingGrant>, user: string): Outcome => {
  const rights = missing.map(rightOf)
  return missing.length === 0
    ? ok(`${user} has every right that the worker uses`)
    : failed(
        `${user} lacks ${rights.join("; ")}`,
        `As the owner: ${rights.map((right) => `GRANT ${right} TO ${user}`).join("; ")}`
      )
}

const hiddenRows = (hidden: ReadonlyArray<HiddenRows>, user: string): Outcome =>
  failed(
    `row-level security allows ${user} no ${hidden.map(({ command, table }) => `${command} of AWS requests in ${table}`).join(", no ")}`,
    hidden
      .map(({ command, table }) =>
        table === "csb_requests"
          ? `As the owner: CREATE POLICY aws_only ON csb_requests TO ${user} USING (cloud_provider = 'aws') WITH CHECK (cloud_provider = 'aws')`
          : `As the owner: CREATE POLICY aws_${command.toLowerCase()} ON ${table} FOR ${command} TO ${user} ${command === "INSERT" ? "WITH CHECK" : "USING"} (true)`
      )
      .filter((remedy, index, all) => all.indexOf(remedy) === index)
      .join("; ")
  )
