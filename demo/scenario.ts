import type { FaultRule } from "../local/aws/Faults.ts"
import { retries } from "./environment.ts"
import type { AccessRequest, Outcome, Payload } from "./Job.ts"

/** Some jobs that are alike, and how each of them has to end. What is left out is as for an ordinary request. */
export interface Kind {
  readonly name: string
  readonly jobs: number
  readonly request?: Partial<AccessRequest>
  /** What is attached to the principal beforehand; `arn` is the policy that the request is about. */
  readonly attached?: (arn: string) => ReadonlyArray<string>
  /** Whether the user or role exists. */
  readonly principalExists?: boolean
  /** What goes wrong in AWS for the job with this number within its kind. */
  readonly faults?: (request: AccessRequest, index: number) => ReadonlyArray<FaultRule>
  readonly payload?: (honest: Payload, index: number) => Uint8Array
  readonly pushes?: number
  /** Whether the API has written a row for it. */
  readonly requested?: boolean
  readonly ends?: Partial<Outcome>
}

export const accounts = {
  ordinary: ["111111111111", "222222222222", "333333333333", "444444444444"],
  throttled: "555555555555",
  revoked: "666666666666",
  /** Its handler role does not trust the worker. */
  closed: "777777777777"
} as const

/** As in AWS. */
const quota = 10

const failed = (reason: string): Partial<Outcome> => ({ status: "FAILED", reason, references: 0, carriedOut: 0 })

const deadLetter = (reason: string): Partial<Outcome> => ({
  status: "no row",
  reason: "",
  deliveries: 0,
  references: 0,
  carriedOut: 0,
  deadLetter: reason
})

const throttle = ({ accountId, principal }: AccessRequest, times?: number): ReadonlyArray<FaultRule> => [
  { accountId, principal, ...(times !== undefined && { times }), effect: { kind: "error", code: "Throttling" } }
]

/** AWS does what is asked and its answer never arrives. */
const loseAnswer = ({ accountId, principal }: AccessRequest, kind: "hangAfter" | "resetAfter") => [
  { accountId, principal, times: 1, effect: { kind } }
]

const json = (payload: Payload): Uint8Array => Buffer.from(JSON.stringify(payload))

const add = { action: "add" } as const
const administrator = { entitlement: "AdministratorAccess", entitlementType: "default" } as const

/** The mix. */
export const kinds: ReadonlyArray<Kind> = [
  { name: "add a policy", jobs: 70, request: add },
  { name: "remove a policy", jobs: 30, request: { action: "remove" } },
  {
    name: "remove one not attached",
    jobs: 6,
    request: { action: "remove" },
    attached: () => [],
    ends: { reason: "already so", carriedOut: 0 }
  },
  { name: "pushed twice, done once", jobs: 12, pushes: 2 },
  { name: "throttled for a moment", jobs: 12, faults: (request) => throttle(request, 2) },
  {
    name: "throttled for longer",
    jobs: 6,
    request: { accountId: accounts.throttled },
    faults: (request) => throttle(request, retries.attempts + 1),
    ends: { deliveries: 2 }
  },
  {
    name: "throttled for good",
    jobs: 2,
    request: { accountId: accounts.throttled },
    faults: (request) => throttle(request),
    ends: { ...failed("Throttling"), deliveries: retries.deliveries }
  },
  {
    name: "AWS's answer timed out",
    jobs: 4,
    faults: (request) => loseAnswer(request, "hangAfter"),
    ends: { reason: "found so" }
  },
  {
    name: "connection to AWS reset",
    jobs: 4,
    faults: (request) => loseAnswer(request, "resetAfter"),
    ends: { reason: "found so" }
  },
  {
    name: "session revoked midway",
    jobs: 6,
    request: { accountId: accounts.revoked },
    faults: ({ accountId, principal }, index) =>
      index === 3 ? [{ accountId, principal, times: 1, effect: { kind: "expireSessions" } }] : []
  },
  { name: "role not assumable", jobs: 8, request: { accountId: accounts.closed }, ends: failed("AccessDenied") },
  { name: "no such user or role", jobs: 8, request: add, principalExists: false, ends: failed("NoSuchEntity") },
  {
    name: "quota used up",
    jobs: 6,
    request: add,
    attached: () => Array.from({ length: quota }, (_, index) => `arn:aws:iam::aws:policy/Held${index}`),
    ends: failed("LimitExceeded")
  },
  { name: "forbidden by POLICY_DENY", jobs: 8, request: { ...add, ...administrator }, ends: failed("PolicyForbidden") },
  { name: "forbidden, but removed", jobs: 3, request: { action: "remove", ...administrator } },
  {
    name: "payload tampered with",
    jobs: 6,
    request: add,
    payload: (honest, index) =>
      json(index % 2 === 0 ? { ...honest, entitlement: "PowerUserAccess" } : { ...honest, principal: "mallory" }),
    ends: { ...failed("PayloadMismatch"), deadLetter: "PayloadMismatch" }
  },
  {
    name: "payload of wrong types",
    jobs: 5,
    payload: (honest, index) =>
      json(index % 2 === 0 ? { ...honest, account_id: 42 } : { ...honest, action: "grant", principal_type: null }),
    ends: { ...failed("InvalidPayload"), deliveries: 0, deadLetter: "InvalidPayload" }
  },
  {
    name: "payload not JSON",
    jobs: 4,
    requested: false,
    payload: (honest) => json(honest).slice(0, -20),
    ends: deadLetter("InvalidPayload")
  },
  {
    name: "payload not UTF-8",
    jobs: 3,
    requested: false,
    payload: (honest) => Buffer.concat([json(honest), Buffer.from([0xff, 0x00, 0xfe])]),
    ends: deadLetter("InvalidPayload")
  },
  { name: "nobody asked for it", jobs: 5, requested: false, ends: deadLetter("UnknownJob") }
]
