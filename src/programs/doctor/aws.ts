import { Duration, Effect, Option } from "effect"
import { failed, type Finding, ok, type Outcome, skipped, warning } from "../../domain/Finding.ts"
import { samplePolicy } from "../../domain/Guardrail.ts"
import { type AwsSession, AwsProbe } from "../../services/AwsProbe.ts"
import { ConfigProbe } from "../../services/ConfigProbe.ts"
import { check, checkAfter, skippedAfter } from "../checks/check.ts"
import { checkIdentity, checkRole, sessionNames } from "../checks/awsSession.ts"
import { unconfigured } from "../checks/config.ts"
import { checkPermissions } from "./permissions.ts"

const names = { ...sessionNames, clock: "aws clock", permissions: "aws permissions" }

/** AWS accepts a signature up to five minutes before and after its date. https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html */
const tolerated = Duration.minutes(5)

/** AWS sends whole seconds, and its answer takes a while; a difference beyond this is the clock's. */
const remarkable = Duration.seconds(30)

/** The worker's own credentials and clock, and the handler role of one account and what it may do. */
export const checkAws = Effect.fnUntraced(function* (accountId: Option.Option<string>) {
  const { connect } = yield* AwsProbe
  const connected = yield* Effect.result(connect)
  if (connected._tag === "Failure") {
    const identity = yield* check(names.identity, unconfigured(connected.failure))
    return [identity, ...Object.values(names).slice(1).map(skippedAfter(identity))]
  }
  return yield* examine(connected.success, accountId)
}, Effect.scoped)

const examine = Effect.fnUntraced(function* (session: AwsSession, accountId: Option.Option<string>) {
  const arn = yield* Effect.cached(session.identity)
  const identity = yield* checkIdentity(arn)
  const clock = yield* check(
    names.clock,
    Effect.map(session.clockAhead, Option.match({ onNone: () => skipped("AWS told no time"), onSome: ofClock }))
  )
  if (Option.isNone(accountId)) {
    return [identity, clock, unasked(names.role), unasked(names.permissions)]
  }
  const assumed = yield* Effect.cached(session.assume(accountId.value))
  const role = yield* checkRole(identity, session, accountId.value, arn, assumed)
  const permissions = yield* checkAfter(
    role,
    names.permissions,
    Effect.flatMap(assumed, (handler) =>
      Effect.flatMap(ConfigProbe, ({ settings }) =>
        checkPermissions(
          handler,
          samplePolicy(
            session.partition,
            Option.map(settings, ({ worker }) => worker.policyRules)
          )
        )
      )
    )
  )
  return [identity, clock, role, permissions]
})

const unasked = (name: string): Finding => ({ check: name, ...skipped("name an account with --account") })

const ofClock = (ahead: number): Outcome => {
  const off = Duration.millis(Math.abs(ahead))
  const detail = `this host's clock is ${Duration.format(Duration.seconds(Math.round(Math.abs(ahead) / 1_000)))} ${ahead > 0 ? "behind" : "ahead of"} AWS's`
  const remedy = "Let this host's clock follow an NTP server"
  if (Duration.isGreaterThan(off, tolerated)) return failed(detail, remedy)
  if (Duration.isGreaterThan(off, remarkable)) return warning(detail, remedy)
  return ok("this host's clock agrees with AWS's")
}
