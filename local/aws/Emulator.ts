import { randomUUID } from "node:crypto"
import { type Answer, errorAnswer, faultAnswer, successAnswer } from "./Answer.ts"
import { CallLog } from "./CallLog.ts"
import { type AwsFailure, failure } from "./Errors.ts"
import { type FaultEffect, Faults } from "./Faults.ts"
import * as Iam from "./Iam.ts"
import { type AcceptedCall, type Incoming, readCall } from "./Incoming.ts"
import { isWrite } from "./Operations.ts"
import type { SignedRequest } from "./Signature.ts"
import { lookUp } from "./LookUps.ts"
import * as Sts from "./Sts.ts"
import { World } from "./World.ts"
import { WriteRate } from "./WriteRate.ts"

/** How an emulator starts. */
export interface EmulatorOptions {
  /** Whether everything exists that was not declared: see {@link World}. */
  readonly open: boolean
  /** How many calls the log keeps. */
  readonly callLogCapacity: number
}

/** What to answer, and what the log says of it. */
interface Decision {
  readonly outcome: string
  readonly answer: Answer
}

/** STS and IAM without HTTP: state, rules, and what to answer to a request. */
export class Emulator {
  readonly world: World
  readonly faults = new Faults()
  readonly calls: CallLog
  readonly writeRate = new WriteRate()
  /** Milliseconds before each answer. */
  latencyMillis = 0
  /** Milliseconds that this AWS's clock is ahead of the machine's. */
  clockOffsetMillis = 0

  constructor(options: EmulatorOptions) {
    this.world = new World(options.open, this.now)
    this.calls = new CallLog(options.callLogCapacity)
  }

  /** This AWS's clock, in milliseconds since the epoch. */
  readonly now = (): number => Date.now() + this.clockOffsetMillis

  /** Answers one `POST /`. What the call changes is changed when this returns, whenever the answer is sent. */
  handle(request: SignedRequest): Answer {
    const incoming = readCall(request, this.world.credentials, this.now(), randomUUID())
    const { outcome, answer } = this.#decide(incoming)
    this.calls.record({
      operation: incoming.action,
      accountId: incoming.accountId,
      principal: incoming.principal,
      policyArn: incoming.params.get("PolicyArn") ?? undefined,
      roleSessionName: incoming.roleSessionName,
      outcome,
      requestId: incoming.requestId,
      at: incoming.now
    })
    return answer
  }

  #decide(incoming: Incoming): Decision {
    if (incoming.call === undefined) return failed(incoming, incoming.refusal)
    const fault = this.faults.take({
      operation: incoming.action,
      accountId: incoming.accountId,
      principal: incoming.principal
    })
    if (fault === undefined) return this.#perform(incoming)
    switch (fault.kind) {
      case "error":
        return failed(incoming, {
          ...failure(fault.code, fault.message),
          retryAfterSeconds: fault.retryAfterSeconds
        })
      case "expireSessions":
        this.world.credentials.expire(incoming.accountId ?? "", incoming.now)
        return incoming.call.credential.expiresAt <= incoming.now
          ? failed(incoming, failure("ExpiredToken"))
          : this.#perform(incoming)
      default: {
        const applied = isApplied(fault.kind) ? this.#perform(incoming).answer : undefined
        return { outcome: fault.kind, answer: faultAnswer(fault, applied) }
      }
    }
  }

  #perform(incoming: AcceptedCall): Decision {
    const { call } = incoming
    const { spec } = call
    if (isWrite(spec) && !this.writeRate.take(call.credential.accountId, call.now)) {
      return failed(incoming, failure("Throttling"))
    }
    const outcome =
      spec.service === "iam"
        ? spec.verb === "other"
          ? Iam.other(this.world, call)
          : spec.verb === "lookUp"
            ? lookUp(this.world, call, spec.name)
            : spec.verb === "list"
              ? Iam.list(this.world, call, spec.principalType)
              : Iam.change(this.world, call, spec.verb, spec.principalType)
        : spec.name === "AssumeRole"
          ? Sts.assumeRole(this.world, call)
          : Sts.getCallerIdentity(call)
    return "code" in outcome
      ? failed(incoming, outcome)
      : { outcome: "ok", answer: successAnswer(spec, outcome.result, incoming.requestId) }
  }
}

const isApplied = (kind: FaultEffect["kind"]): boolean =>
  kind === "stall" || kind === "resetAfter" || kind === "hangAfter"

const failed = (incoming: Incoming, refusal: AwsFailure): Decision => ({
  outcome: refusal.code,
  answer: errorAnswer(incoming.service, refusal, incoming.requestId)
})
