import { Duration, Effect, Option } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import { failed, type Finding, ok, type Outcome, skipped, warning } from "../../domain/Finding.ts"
import { samplePolicy } from "../../domain/Guardrail.ts"
import { type AwsSession, AwsProbe } from "../../services/AwsProbe.ts"
import { ConfigProbe } from "../../services/ConfigProbe.ts"
import { check, checkAfter, skippedAfter } from "./check.ts"
import { unconfigured } from "./config.ts"
import { checkPermissions } from "./permissions.ts"

const names = { identity: "aws identity", clock: "aws clock", role: "aws role", permissions: "aws permissions" }

/** AWS takes a signature for five minutes before and after its date. https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html */
const tolerated = Duration.minutes(5)

/** AWS tells whole seconds, and its answer takes a while; what is beyond this is the clock. */
const remarkable = Duration.seconds(30)

/** The worker's own credentials and clock, and of one account the handler role and what it may do. */
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
  const identity = yield* check(
    names.identity,
    Effect.match(arn, { onFailure: unknownIdentity, onSuccess: (it) => ok(`STS knows the worker as ${it}`) })
  )
  const clock = yield* check(
    names.clock,
    Effect.map(session.clockAhead, Option.match({ onNone: () => skipped("AWS told no time"), onSome: ofClock }))
  )
  if (Option.isNone(accountId)) {
    return [identity, clock, unasked(names.role), unasked(names.permissions)]
  }
  const assumed = yield* Effect.cached(session.assume(accountId.value))
  const role = yield* checkAfter(
    identity,
    names.role,
    Effect.flatMap(arn, (worker) =>
      Effect.match(assumed, {
        onFailure: (error) => unassumed(error, session, accountId.value, worker),
        onSuccess: () => ok(`${session.roleArn(accountId.value)} lets the worker in`)
      })
    )
  )
  const permissions = yield* checkAfter(
    role,
    names.permissions,
    Effect.flatMap(assumed, (handler) =>
      Effect.flatMap(ConfigProbe, ({ guardrail }) =>
        checkPermissions(
          handler,
          samplePolicy(
            session.partition,
            Option.map(guardrail, ({ rules }) => rules)
          )
        )
      )
    )
  )
  return [identity, clock, role, permissions]
})

const unasked = (name: string): Finding => ({ check: name, ...skipped("name an account with --account") })

const words = ({ code, message, operation }: AwsError) => `${code}: ${message} (${operation})`

const unknownIdentity = (error: AwsError): Outcome => failed(words(error), identityRemedy(error))

const identityRemedy = ({ _tag, code, message }: AwsError): string => {
  if (code === "RequestExpired" || /expired:|not yet current/i.test(message)) {
    return "Set the clock of this host: let it follow an NTP server (see aws clock)"
  }
  if (code === "CredentialsProviderError") {
    return "Set AWS_ACCESS_KEY and AWS_SECRET_KEY, or give the host or pod a role (instance profile, IRSA)"
  }
  if (code === "SignatureDoesNotMatch") return "Correct AWS_SECRET_KEY, which does not belong to AWS_ACCESS_KEY"
  if (_tag === "CredentialsInvalid")
    return "Use an access key that exists and is active: correct AWS_ACCESS_KEY and AWS_SECRET_KEY"
  if (_tag === "ServiceUnavailable" || _tag === "Timeout") {
    return "Look at the network from here to STS: proxy, VPC endpoint, AWS_REGION, AWS_ENDPOINT_URL_STS"
  }
  return "See what AWS says; AWS_REGION may be one that the account has not enabled"
}

const ofClock = (ahead: number): Outcome => {
  const off = Duration.millis(Math.abs(ahead))
  const detail = `this host's clock is ${Duration.format(Duration.seconds(Math.round(Math.abs(ahead) / 1_000)))} ${ahead > 0 ? "behind" : "ahead of"} AWS's`
  const remedy = "Let this host's clock follow an NTP server"
  if (Duration.isGreaterThan(off, tolerated)) return failed(detail, remedy)
  if (Duration.isGreaterThan(off, remarkable)) return warning(detail, remedy)
  return ok("this host's clock agrees with AWS's")
}

/** STS answers AccessDenied, whichever of the reasons it is. */
const unassumed = (error: AwsError, session: AwsSession, accountId: string, worker: string): Outcome => {
  const arn = session.roleArn(accountId)
  switch (error._tag) {
    case "AccessDenied":
      return failed(
        `${words(error)}: whether the role is missing or does not let the worker in, STS does not tell`,
        [
          `Look in account ${accountId} whether ${arn} exists (AWS_ASSUME_ROLE_NAME)`,
          `whether its trust policy allows ${worker} sts:AssumeRole`,
          session.hasExternalId
            ? "whether its sts:ExternalId is the one in AWS_EXTERNAL_ID"
            : "whether it asks for an sts:ExternalId, since AWS_EXTERNAL_ID is not set",
          `and whether the worker's own policies, boundaries and SCPs allow sts:AssumeRole on it`
        ].join("; ")
      )
    case "ServiceUnavailable":
    case "Timeout":
    case "Throttling":
      return failed(words(error), "Look again in a minute; if it stays so, at the network from here to STS")
    default:
      return failed(
        words(error),
        error.code === "RegionDisabled"
          ? "Activate STS in this region for the account, or set AWS_REGION to another"
          : "Correct what AWS complains about: the role's maximum session duration, AWS_EXTERNAL_ID or AWS_ROLE_SESSION_NAME"
      )
  }
}
