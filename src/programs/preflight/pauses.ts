import { Effect } from "effect"
import { ok, type Outcome, skipped, warning } from "../../domain/Finding.ts"
import type { Job } from "../../domain/Job.ts"
import type { Pause } from "../../domain/Pause.ts"
import { type RedisSession, RedisProbe } from "../../services/RedisProbe.ts"
import { check, checkBackend } from "../checks/check.ts"
import { unusable } from "./unusable.ts"

const names = { pauses: "pauses" }

/** Whether workers would take the job at once. */
export const checkPauses = (job: Job) =>
  Effect.flatMap(RedisProbe, ({ connect }) =>
    checkBackend(names, connect, unusable, (session) =>
      Effect.map(check(names.pauses, look(session, job)), (finding) => [finding])
    )
  )

const look = (session: RedisSession, job: Job) =>
  session.fetchMode === "brpop"
    ? Effect.succeed(ok("in the mode brpop no worker is ever paused"))
    : session.pauses.pipe(
        Effect.map((pauses) => ofPauses(pauses, job)),
        Effect.catchIf(
          (error) => error._tag === "RedisError" && error.reason === "Denied",
          () => Effect.succeed(skipped(`the ACL does not let ${session.user} see pauses: it grants no ZRANGEBYSCORE`))
        )
      )

const ofPauses = (pauses: ReadonlyArray<Pause>, { account_id }: Job): Outcome => {
  const pause = ["all", account_id].flatMap((scope) => pauses.filter((it) => it.scope === scope))[0]
  if (pause === undefined) return ok("neither all jobs nor the account's are paused")
  const all = pause.scope === "all"
  return warning(
    `${all ? "all jobs" : "the account's jobs"} are paused by ${pause.by}: ${pause.why}`,
    `It would wait until worker-service-aws resume${all ? "" : ` --account ${pause.scope}`}`
  )
}
