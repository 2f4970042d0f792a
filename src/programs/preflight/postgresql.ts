import { Clock, Duration, Effect, Option } from "effect"
import { failed, ok, type Outcome, skipped, warning } from "../../domain/Finding.ts"
import type { Job } from "../../domain/Job.ts"
import { ConfigProbe } from "../../services/ConfigProbe.ts"
import { DatabaseProbe, type DatabaseSession, type Outlook } from "../../services/DatabaseProbe.ts"
import { check, checkAfter, checkBackend } from "../checks/check.ts"
import { unusable } from "./unusable.ts"

const names = { server: "postgresql", row: "row", duration: "duration", turn: "turn" }

/** Whether the database has room for the request's row, whether it ends the access, and what would come before it. */
export const checkRow = (job: Job) =>
  Effect.flatMap(DatabaseProbe, ({ connect }) =>
    checkBackend(names, connect, unusable, (session) => examine(session, job))
  )

const examine = Effect.fnUntraced(function* (session: DatabaseSession, job: Job) {
  const { settings } = yield* ConfigProbe
  const server = yield* check(
    names.server,
    Effect.map(session.server, ({ user }) => ok(`it answers the user ${user}`))
  )
  const now = yield* Clock.currentTimeMillis
  const orphanAfter = Option.match(settings, {
    onNone: () => Infinity,
    onSome: ({ worker }) => Duration.toMillis(worker.orphanAfter)
  })
  const outlook = yield* Effect.cached(session.outlook(job, now - orphanAfter))
  const about = (name: string, tell: (outlook: Outlook) => Outcome) =>
    checkAfter(
      server,
      name,
      Effect.map(outlook, tell).pipe(
        Effect.catchReason("SqlError", "AuthorizationError", () =>
          Effect.succeed(skipped("this role may not read requests; the API's and the worker's may"))
        )
      )
    )
  const ignored = Option.exists(settings, ({ worker }) => worker.durationUnsupported === "ignore")
  return [
    server,
    yield* about(names.row, ofRow),
    yield* about(names.duration, (it) => ofDuration(job, it, ignored)),
    yield* about(names.turn, ofTurn)
  ]
})

const ofRow = ({ tooLong }: Outlook): Outcome =>
  tooLong.length === 0
    ? ok("the table has room for it")
    : failed(`too long for csb_requests: ${tooLong.join(", ")}`, "Shorten it, or widen the column")

const ofDuration = (job: Job, { ends }: Outlook, ignored: boolean): Outcome => {
  if (job.action === "remove" || (job.duration_minutes ?? null) === null) return ok("it asks for no end")
  switch (ends) {
    case "yes":
      return ok(`the access would end after ${job.duration_minutes} minutes`)
    case "unknown":
      return skipped(
        "there is room for the end of the access; whether the worker's role may write it, only that role can tell"
      )
    case "no":
      return ignored
        ? warning(
            "this database cannot end access: it would be for good",
            "Create or upgrade the schema csb_app by `migrate`"
          )
        : failed(
            "this database cannot end access",
            "Create or upgrade the schema csb_app by `migrate`, ask for no duration, or set DURATION_UNSUPPORTED=ignore to grant it for good"
          )
  }
}

const ofTurn = ({ ahead }: Outlook): Outcome =>
  ahead === 0
    ? ok("nothing comes before it on its account, principal and entitlement")
    : warning(
        `it would wait for ${ahead} unfinished ${ahead === 1 ? "request" : "requests"} on the same account, principal and entitlement`,
        "Look whether that one asks for the same, or undoes it: worker-service-aws queue"
      )
