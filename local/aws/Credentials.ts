import { createHash, randomBytes } from "node:crypto"
import type { MasterCredentials } from "./Declarations.ts"

/** The keys that exist when none are declared. They open nothing but this local AWS. */
export const defaultMaster: MasterCredentials = {
  accessKeyId: "AKIALOCALAWSMASTER01",
  secretAccessKey: "local/aws/master+secret/not/a/real/secret",
  accountId: "999999999999",
  userName: "cSecBridgeWorker"
}

/** A role session, as tests see it. */
export interface Session {
  readonly accessKeyId: string
  readonly accountId: string
  readonly roleName: string
  readonly roleSessionName: string
  readonly externalId: string | undefined
  readonly sourceIdentity: string | undefined
  /** The session policy (`Policy` of AssumeRole) as it was sent. Enforced where the role's own policy is. */
  readonly policy: string | undefined
  readonly durationSeconds: number
  /** Milliseconds since the epoch, by this AWS's clock. */
  readonly expiresAt: number
}

/** Keys that can sign a call, and whose they are. */
export interface Credential {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly accountId: string
  readonly userId: string
  /** The resource part of the caller's ARN: `user/NAME` in IAM or `assumed-role/ROLE/SESSION` in STS. */
  readonly resource: string
  readonly session: Session | undefined
  readonly organizationId: string | undefined
  /** When the session ends, ms; never for long-lived keys. Moves when a test ends sessions early. */
  expiresAt: number
  /** Signing keys by `date/region/service`: four HMACs saved on each call. */
  readonly signingKeys: Map<string, Buffer>
}

/** The caller's ARN. */
export const callerArn = (credential: Credential, partition: string): string =>
  `arn:${partition}:${credential.session === undefined ? "iam" : "sts"}::${credential.accountId}:${credential.resource}`

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

/** An identifier in AWS's alphabet, e.g. `ASIA…`: random, or always the same for the same text. */
export const uniqueId = (prefix: string, length: number, seed?: string): string => {
  const bytes = seed === undefined ? randomBytes(length) : createHash("sha256").update(seed).digest()
  let id = prefix
  for (let index = 0; index < length; index++) id += alphabet.charAt((bytes[index] ?? 0) & 31)
  return id
}

/** What AssumeRole settled on. */
export type SessionGrant = Omit<Session, "accessKeyId">

/** Every key pair that this AWS accepts. Sessions are kept until the world ends, so that an old one is told apart from an unknown one. */
export class Credentials {
  readonly #byKey = new Map<string, Credential>()

  addMaster(master: MasterCredentials): void {
    this.#byKey.set(master.accessKeyId, {
      accessKeyId: master.accessKeyId,
      secretAccessKey: master.secretAccessKey,
      sessionToken: undefined,
      accountId: master.accountId,
      userId: uniqueId("AIDA", 17, `${master.accountId}/${master.userName}`),
      resource: `user/${master.userName}`,
      session: undefined,
      organizationId: master.organizationId,
      expiresAt: Number.POSITIVE_INFINITY,
      signingKeys: new Map()
    })
  }

  /** Makes the keys of a new session. */
  issue(grant: SessionGrant): Credential & { readonly sessionToken: string } {
    const accessKeyId = uniqueId("ASIA", 16)
    const credential = {
      accessKeyId,
      secretAccessKey: randomBytes(30).toString("base64"),
      // As long as AWS's are, with its usual beginning, and with characters that a form or a header may spoil.
      sessionToken: `IQoJb3JpZ2luX2VjE+/${randomBytes(300).toString("base64")}==`,
      accountId: grant.accountId,
      userId: `${uniqueId("AROA", 17, `${grant.accountId}/${grant.roleName}`)}:${grant.roleSessionName}`,
      resource: `assumed-role/${grant.roleName}/${grant.roleSessionName}`,
      session: { ...grant, accessKeyId },
      organizationId: undefined,
      expiresAt: grant.expiresAt,
      signingKeys: new Map<string, Buffer>()
    }
    this.#byKey.set(accessKeyId, credential)
    return credential
  }

  find(accessKeyId: string): Credential | undefined {
    return this.#byKey.get(accessKeyId)
  }

  /** Ends all sessions of an account at `now`. */
  expire(accountId: string, now: number): void {
    for (const credential of this.#byKey.values()) {
      if (credential.session !== undefined && credential.accountId === accountId) {
        credential.expiresAt = Math.min(credential.expiresAt, now)
      }
    }
  }

  /** The sessions ever assumed, oldest first. */
  sessions(accountId?: string): ReadonlyArray<Session> {
    return Array.from(this.#byKey.values()).flatMap((credential) =>
      credential.session !== undefined && (accountId === undefined || credential.accountId === accountId)
        ? [{ ...credential.session, expiresAt: credential.expiresAt }]
        : []
    )
  }
}
