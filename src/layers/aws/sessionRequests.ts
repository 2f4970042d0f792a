import { randomUUID } from "node:crypto"
import { Duration } from "effect"
import { maxSessionSeconds } from "../../domain/handlerRole/HandlerRole.ts"
import {
  accountSessionPolicy,
  jobSessionPolicy,
  preflightSessionPolicy,
  readingSessionPolicy
} from "../../domain/handlerRole/sessionPolicy.ts"
import type { PolicyChange } from "../../domain/PolicyChange.ts"
import type { AwsConfig } from "../../services/Config.ts"

/** How long a job's own session lasts: the shortest that STS allows. */
const ownFor = Duration.minutes(15)

/** Those parameters of AssumeRole that depend on what a session is for. */
export interface SessionRequest {
  readonly RoleSessionName: string
  /** The longest that role chaining allows is an hour. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
  readonly DurationSeconds: number
  readonly Policy: string
  readonly SourceIdentity?: string
}

/** The sessions that a worker of this id asks for. */
export const sessionRequests = (config: AwsConfig["Service"], workerId: string) => {
  const identity = (text: string) => config.sourceIdentity && { SourceIdentity: text }

  /** Where jobs have their own sessions, the role accepts only names of their form: any UUID. */
  const shared = (policy: object = accountSessionPolicy): SessionRequest => {
    const unique = config.sessionScope === "job" ? randomUUID() : undefined
    return {
      RoleSessionName: unique ?? config.roleSessionName,
      DurationSeconds: maxSessionSeconds,
      Policy: JSON.stringify(policy),
      ...identity(unique ?? sourceIdentityOf(workerId))
    }
  }

  const own = (change: PolicyChange, policy: object = jobSessionPolicy(config.partition, change)): SessionRequest => ({
    RoleSessionName: change.correlationId,
    DurationSeconds: Duration.toSeconds(ownFor),
    Policy: JSON.stringify(policy),
    ...identity(change.correlationId)
  })

  const looking = (change: PolicyChange): SessionRequest => {
    const policy = preflightSessionPolicy(config.partition, change, config.sessionScope)
    return config.sessionScope === "job" ? own(change, policy) : shared(policy)
  }

  return { shared, own, looking, reading: () => shared(readingSessionPolicy) }
}

/** SourceIdentity of sessions that jobs share: the worker's id, as far as STS takes it. The trail of each request names it, too. */
const sourceIdentityOf = (workerId: string): string =>
  workerId
    .replaceAll(/[^\w+=,.@-]/g, "-")
    .padEnd(2, "-")
    .slice(0, 64)
