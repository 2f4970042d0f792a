import { PgClient } from "@effect/sql-pg"
import { Console, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { DatabaseConfigLive } from "../layers/environment/ConfigLive.ts"
import { pgOptions, reachable } from "../layers/postgres/SqlLive.ts"
import { migrate as program } from "../programs/migrate/migrate.ts"
import { reportToPerson } from "./report.ts"

const SingleConnection = Layer.unwrap(
  Effect.map(pgOptions, (options) => reachable(PgClient.layer({ ...options, maxConnections: 1 })))
)

export const migrate = Command.make("migrate", {}, () =>
  program.pipe(
    Effect.flatMap((applied) =>
      Console.log(
        applied.length === 0
          ? "schema csb_app is up to date"
          : `schema csb_app: applied ${applied.map(([id, name]) => `${id} ${name}`).join(", ")}`
      )
    ),
    Effect.provide(SingleConnection),
    Effect.provide(DatabaseConfigLive),
    reportToPerson
  )
).pipe(
  Command.withDescription(
    "Create or upgrade the schema csb_app and its roles, as a superuser or as an owner (DB_USER, DB_PASSWORD)"
  )
)
