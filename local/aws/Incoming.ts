import { parseRoleArn, partitionOf } from "./Arns.ts"
import type { Call } from "./Call.ts"
import type { Credentials } from "./Credentials.ts"
import { type AwsFailure, failure } from "./Errors.ts"
import { findOperation, type Service, services } from "./Operations.ts"
import { readSignature, type SignedRequest, verifySignature } from "./Signature.ts"

interface Described {
  readonly requestId: string
  /** Milliseconds since the epoch, by this AWS's clock. */
  readonly now: number
  readonly params: URLSearchParams
  /** `Action` as it was sent; empty when there is none. */
  readonly action: string
  /** The service whose namespace the answer has. */
  readonly service: Service
  /** AssumeRole: the role's account. Else the caller's, if the keys are known. */
  readonly accountId: string | undefined
  /** The user or role that the call names. */
  readonly principal: string | undefined
  readonly roleSessionName: string | undefined
}

/** A request to perform. */
export type AcceptedCall = Described & { readonly call: Call }

/** A request to answer with an error. */
export type RefusedCall = Described & { readonly call: undefined; readonly refusal: AwsFailure }

/** A request as far as it was understood. */
export type Incoming = AcceptedCall | RefusedCall

/** Reads the form body and the signature of a request, and verifies the latter. */
export const readCall = (
  request: SignedRequest,
  credentials: Credentials,
  now: number,
  requestId: string
): Incoming => {
  const params = new URLSearchParams(request.body.toString())
  const action = params.get("Action") ?? ""
  const version = params.get("Version") ?? "NO_VERSION_SPECIFIED"
  const spec = findOperation(action, version)
  const stated = readSignature(request)
  const credential = "code" in stated ? undefined : credentials.find(stated.accessKeyId)
  const role = action === "AssumeRole" ? parseRoleArn(params.get("RoleArn") ?? "") : undefined
  const described: Described = {
    requestId,
    now,
    params,
    action,
    service: version === services.sts.version ? "sts" : "iam",
    accountId: role?.accountId ?? credential?.accountId,
    principal: role?.name ?? params.get("UserName") ?? params.get("RoleName") ?? undefined,
    roleSessionName: params.get("RoleSessionName") ?? credential?.session?.roleSessionName
  }
  const refuse = (refusal: AwsFailure): RefusedCall => ({ ...described, call: undefined, refusal })
  if (action === "") return refuse(failure("MissingAction"))
  if (spec === undefined) {
    return refuse(failure("InvalidAction", `Could not find operation ${action} for version ${version}`))
  }
  if ("code" in stated) return refuse(stated)
  const refusal = verifySignature(credential, stated, request, spec.service, now)
  if (refusal !== undefined || credential === undefined) return refuse(refusal ?? failure("InvalidClientTokenId"))
  return { ...described, call: { spec, params, credential, partition: partitionOf(stated.region), now } }
}
