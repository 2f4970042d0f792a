import { Console, Effect, Option, Runtime, Schema, Stream } from "effect"
import { AccountId } from "../../domain/Job.ts"
import { Refused } from "../../domain/Refused.ts"
import { AccessRecords } from "../../services/AccessRecords.ts"
import { verifyTrails } from "./verifyTrails.ts"
import { nothing, sum, VerifyEvent } from "./VerifyEvent.ts"
import { type Mend, type Scope, verifyAccess } from "./verifyAccess.ts"

/** IAM or an audit trail is not as the records say, or could not be read. */
export class NotAsRecorded extends Schema.TaggedError<NotAsRecorded>()("NotAsRecorded", {
  findings: Schema.Int,
  broken: Schema.Int,
  notVerified: Schema.Int
}) {
  override readonly [Runtime.errorExitCode] = 1
  override get message() {
    return `not as recorded: ${this.findings} findings, ${this.notVerified} accounts or principals not verified, ${this.broken} audit trails broken`
  }
}

const isAccountId = Schema.is(AccountId)

/** Reports each finding as it comes, and the sums at the end. If it does not get that far, it says on stderr where to continue. */
export const verify = Effect.fnUntraced(function* <E, R>(
  scope: Scope,
  repairs: boolean,
  mend: Mend<E, R>,
  tell: (event: VerifyEvent) => Effect.Effect<void>
) {
  yield* refuseUnfit(repairs)
  let summary = nothing
  let complete = scope.after
  const count = (event: VerifyEvent) =>
    Effect.suspend(() => {
      summary = sum(summary, event)
      // Not behind what only a row calls an account: `--after` would not take it.
      if (event._tag === "AccountDone" && isAccountId(event.accountId)) complete = Option.some(event.accountId)
      return tell(event)
    })
  yield* readTrails(scope, count).pipe(
    Effect.andThen(verifyAccess(scope, mend, count)),
    Effect.onError(() =>
      Console.error(
        Option.match(complete, {
          onNone: () => "not finished, and no account is complete: begin again",
          onSome: (accountId) => `not finished: continue with --after ${accountId}`
        })
      )
    )
  )
  yield* tell(VerifyEvent.Done({ summary }))
  const { broken, ended, missing, notVerified, unexpected } = summary
  const findings = missing + unexpected + ended
  if (findings + notVerified + broken > 0) return yield* new NotAsRecorded({ findings, broken, notVerified })
})

/** Before the first account: a verification that continues after one has read them already. */
const readTrails = ({ account, after }: Scope, tell: (event: VerifyEvent) => Effect.Effect<void>) =>
  Option.isSome(after)
    ? Effect.void
    : verifyTrails(account).pipe(
        Stream.runForEach((trail) => tell(VerifyEvent.TrailRead({ trail }))),
        Effect.catchTag("TrailsNotChained", ({ message }) => tell(VerifyEvent.TrailsNotVerified({ reason: message })))
      )

/** Refuses before anything is read what would only fail, or mislead, later. */
const refuseUnfit = Effect.fnUntraced(function* (repairs: boolean) {
  const { complete, rights } = yield* AccessRecords
  if (!complete) {
    return yield* new Refused({
      reason:
        "cannot verify: rows of this schema do not say what kind of principal and policy they are about, nor when access ends",
      remedy: "With our schema they do: run migrate of this version as an owner; a legacy database cannot be verified"
    })
  }
  const { reads, role, submits } = yield* rights
  if (!reads) {
    return yield* new Refused({
      reason: `${role} may not read csb_requests and csb_requests_audit`,
      remedy: repairs ? operatorRole : "Connect as the worker's role, csb_aws_user"
    })
  }
  if (repairs && !submits) {
    return yield* new Refused({
      reason: `--repair submits requests, and ${role} may write none but the ends of grants, if any`,
      remedy: operatorRole
    })
  }
})

const operatorRole =
  "Connect as a role that may do both. As an owner: CREATE ROLE csb_operator LOGIN PASSWORD '…' IN ROLE csb_api_user; " +
  "GRANT SELECT ON csb_app.csb_requests_audit TO csb_operator; ALTER ROLE csb_operator SET search_path = csb_app, public"
