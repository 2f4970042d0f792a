import { Schema } from "effect"
import { errorCodes } from "./Errors.ts"
import { operationNames } from "./Operations.ts"

const Status5xx = Schema.Int.check(Schema.isBetween({ minimum: 500, maximum: 599 }))

/**
 * What a fault does to a call.
 *
 * | kind | Applied? | The caller sees |
 * | --- | --- | --- |
 * | `error` | no | that AWS error with its status, and `Retry-After` if asked for |
 * | `html` | no | a 5xx with an HTML body, as a load balancer sends it |
 * | `empty` | no | a 5xx with no body |
 * | `hang` | no | nothing, until it gives up |
 * | `stall` | yes | the headers and half the body |
 * | `resetBefore` | no | a connection that is reset |
 * | `resetAfter` | yes | a connection that is reset |
 * | `hangAfter` | yes | nothing, until it gives up |
 * | `expireSessions` | no | ExpiredToken, on this and every session of the account; an AssumeRole succeeds and ends the older ones |
 */
export const FaultEffect = Schema.Union([
  Schema.Struct({
    kind: Schema.Literal("error"),
    code: Schema.Literals(errorCodes),
    message: Schema.optionalKey(Schema.String),
    /** Seconds. */
    retryAfterSeconds: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 86_400 })))
  }),
  /** `status`: default 503. */
  Schema.Struct({ kind: Schema.Literals(["html", "empty"]), status: Schema.optionalKey(Status5xx) }),
  Schema.Struct({
    kind: Schema.Literals(["hang", "stall", "resetBefore", "resetAfter", "hangAfter", "expireSessions"])
  })
])

export type FaultEffect = typeof FaultEffect.Type

/** Which calls go wrong, how often, and how. A field left out matches every call. */
export const FaultRule = Schema.Struct({
  operation: Schema.optionalKey(Schema.Literals(operationNames)),
  /** The account a call is about: for AssumeRole that of the role. */
  accountId: Schema.optionalKey(Schema.String),
  /** The user or role a call is about, in any case. */
  principal: Schema.optionalKey(Schema.String),
  /** After so many calls the rule is gone. Absent: it stays. */
  times: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))),
  effect: FaultEffect
})

export type FaultRule = typeof FaultRule.Type

/** The call that a rule is matched against. */
export interface FaultTarget {
  readonly operation: string
  readonly accountId: string | undefined
  readonly principal: string | undefined
}

/** A rule and how often it may still strike. */
interface ActiveRule {
  readonly rule: FaultRule
  left: number
}

/** The faults in force. Of several rules that match a call, the oldest strikes. */
export class Faults {
  #active: Array<ActiveRule> = []

  add(rule: FaultRule): void {
    this.#active.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY })
  }

  clear(): void {
    this.#active = []
  }

  /** The rules still in force; `times` is what is left of it. */
  list(): ReadonlyArray<FaultRule> {
    return this.#active.map(({ left, rule }) => (rule.times === undefined ? rule : { ...rule, times: left }))
  }

  /** The effect to have on this call, if any; it counts against the rule's `times`. */
  take(target: FaultTarget): FaultEffect | undefined {
    const struck = this.#active.find(({ rule }) => matches(rule, target))
    if (struck === undefined) return undefined
    struck.left -= 1
    if (struck.left === 0) this.#active = this.#active.filter((active) => active !== struck)
    return struck.rule.effect
  }
}

const matches = (rule: FaultRule, target: FaultTarget): boolean =>
  (rule.operation === undefined || rule.operation === target.operation) &&
  (rule.accountId === undefined || rule.accountId === target.accountId) &&
  (rule.principal === undefined || rule.principal.toLowerCase() === target.principal?.toLowerCase())
