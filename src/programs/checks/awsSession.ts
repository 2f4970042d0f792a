import { Effect } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import { failed, type Finding, ok, type Outcome } from "../../domain/Finding.ts"
import type { AwsSession } from "../../services/AwsProbe.ts"
import { check, checkAfter } from "./check.ts"

export const sessionNames = { identity: "aws identity", role: "aws role" }

/** Whether STS knows the worker; `arn` is its answer. */
export const checkIdentity = (arn: AwsSession["identity"]) =>
  check(
    sessionNames.identity,
    Effect.match(arn, { onFailure: unknownIdentity, onSuccess: (it) => ok(`STS knows the worker as ${it}`) })
  )

/** Whether the handler role of an account lets the worker in; `assumed` is the attempt. */
export const checkRole = <A>(
  identity: Finding,
  session: AwsSession,
  accountId: string,
  arn: AwsSession["identity"],
  assumed: Effect.Effect<A, AwsError>
) =>
  checkAfter(
    identity,
    sessionNames.role,
    Effect.flatMap(arn, (worker) =>
      Effect.match(assumed, {
        onFailure: (error) => unassumed(error, session, accountId, worker),
        onSuccess: () => ok(`${session.roleArn(accountId)} lets the worker in`)
      })
    )
  )

/** What AWS said, and to which call. */
export const words = ({ code, message, operation }: AwsError) => `${code}: ${message} (${operation})`

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

/** STS answers AccessDenied, whatever the reason. */
const unassumed = (error: AwsError, session: AwsSession, accountId: string, worker: string): Outcome => {
  const arn = session.roleArn(accountId)
  switch (error._tag) {
    case "AccessDenied":
      return failed(
        `${words(error)}: STS does not say whether the role is missing or does not let the worker in`,
        [
          `Check in account ${accountId} whether ${arn} exists (AWS_ASSUME_ROLE_NAME)`,
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
      return failed(words(error), "Try again in a minute; if nothing changes, look at the network from here to STS")
    default:
      return failed(
        words(error),
        error.code === "RegionDisabled"
          ? "Activate STS in this region for the account, or set AWS_REGION to another"
          : "Correct what AWS complains about: the role's maximum session duration, AWS_EXTERNAL_ID or AWS_ROLE_SESSION_NAME"
      )
  }
}
