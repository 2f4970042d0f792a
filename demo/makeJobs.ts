import { randomUUID } from "node:crypto"
import { Array } from "effect"
import type { AccessRequest, Job, Outcome, Payload } from "./Job.ts"
import { accounts, type Kind, kinds } from "./scenario.ts"

const names: Array.NonEmptyReadonlyArray<string> = [
  "ada",
  "alan",
  "barbara",
  "donald",
  "edsger",
  "frances",
  "grace",
  "katherine",
  "margaret",
  "radia"
]

const entitlements: Array.NonEmptyReadonlyArray<Pick<AccessRequest, "entitlement" | "entitlementType">> = [
  { entitlement: "ReadOnlyAccess", entitlementType: "default" },
  { entitlement: "ReportReader", entitlementType: "custom" },
  { entitlement: "AmazonS3ReadOnlyAccess", entitlementType: "default" },
  { entitlement: "job-function/ViewOnlyAccess", entitlementType: "default" },
  { entitlement: "DeploymentOperator", entitlementType: "custom" },
  { entitlement: "service-role/AWSLambdaBasicExecutionRole", entitlementType: "default" }
]

/** The customer managed policies that every account has. */
export const customPolicies = entitlements
  .filter(({ entitlementType }) => entitlementType === "custom")
  .map(({ entitlement }) => entitlement)

const pick = <A>(all: Array.NonEmptyReadonlyArray<A>, index: number): A => all[index % all.length] ?? all[0]

/** One principal for each job; its number says which. */
const ordinaryRequest = (number: number): AccessRequest => ({
  accountId: pick(accounts.ordinary, number),
  principalType: number % 3 === 0 ? "Role" : "User",
  principal: `${pick(names, number)}-${number}`,
  action: number % 4 === 1 ? "remove" : "add",
  ...pick(entitlements, number)
})

const policyArn = ({ accountId, entitlement, entitlementType }: AccessRequest): string =>
  `arn:aws:iam::${entitlementType === "default" ? "aws" : accountId}:policy/${entitlement}`

/** What has to be attached afterwards. */
const policiesAfter = (request: AccessRequest, before: ReadonlyArray<string>, succeeds: boolean) => {
  const arn = policyArn(request)
  const others = before.filter((policy) => policy !== arn)
  return (succeeds ? (request.action === "add" ? [...others, arn] : others) : before).toSorted()
}

const makeJob = (kind: Kind, index: number, number: number): Job => {
  const id = randomUUID()
  const request = { ...ordinaryRequest(number), ...kind.request }
  const arn = policyArn(request)
  const attached =
    kind.attached?.(arn) ?? (request.action === "remove" ? ["arn:aws:iam::aws:policy/IAMUserChangePassword", arn] : [])
  const honest: Payload = {
    correlation_id: id,
    client_request_id: `demo-${number}`,
    target_cloud: "aws",
    account_id: request.accountId,
    principal: request.principal,
    principal_type: request.principalType,
    action: request.action,
    entitlement: request.entitlement,
    entitlement_type: request.entitlementType,
    received_at: new Date().toISOString()
  }
  const ends: Omit<Outcome, "policies"> = {
    status: "SUCCESS",
    reason: "applied",
    deliveries: 1,
    deadLetter: "",
    references: 1,
    carriedOut: 1,
    cached: false,
    ...kind.ends
  }
  return {
    kind: kind.name,
    id,
    request,
    payload: kind.payload?.(honest, index) ?? Buffer.from(JSON.stringify(honest)),
    pushes: kind.pushes ?? 1,
    requested: kind.requested ?? true,
    principalExists: kind.principalExists ?? true,
    attached,
    faults: kind.faults?.(request, index) ?? [],
    expected: { ...ends, policies: policiesAfter(request, attached, ends.status === "SUCCESS") }
  }
}

/** All jobs of the scenario, the kinds mixed evenly. */
export const makeJobs = (): ReadonlyArray<Job> =>
  kinds
    .flatMap((kind) => Array.makeBy(kind.jobs, (index) => ({ kind, index, place: (index + 0.5) / kind.jobs })))
    .toSorted((one, other) => one.place - other.place)
    .map(({ index, kind }, number) => makeJob(kind, index, number))
