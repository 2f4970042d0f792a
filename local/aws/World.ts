import { baseName, formatPolicyArn, parsePolicyArn, type PolicyArn } from "./Arns.ts"
import { Credentials, type Session } from "./Credentials.ts"
import type { AccountDeclaration, HandlerRole, MasterCredentials } from "./Declarations.ts"
import { findManagedPolicy, isServiceLinked } from "./ManagedPolicies.ts"
import type { PrincipalType } from "./Operations.ts"

/** A user or role and what is attached to it. */
export interface Principal {
  readonly type: PrincipalType
  readonly name: string
  /** Policy ARNs, by the ARN in lower case: IAM does not tell names apart by case. */
  readonly attachments: Map<string, string>
  /** ARN of the policy that is its permissions boundary. It limits nothing here, and can be read. */
  boundary: string | undefined
}

/** An account's state. Keys are names in lower case. */
export interface Account {
  readonly accountId: string
  handlerRole: HandlerRole | undefined
  readonly principals: { readonly User: Map<string, Principal>; readonly Role: Map<string, Principal> }
  /** `path/Name` by name. */
  readonly policies: Map<string, string>
  attachmentQuota: number
}

const accountIdForm = /^\d{12}$/

/**
 * What exists in this AWS. `open`: besides what was declared, every account, user, role and policy exists unless its
 * name starts with `missing`.
 *
 * Declaring twice adds to what is there. Declaring in an account that does not exist, or an account number that is
 * none, is a mistake of the test and throws.
 */
export class World {
  readonly credentials = new Credentials()
  readonly open: boolean
  readonly #accounts = new Map<string, Account>()
  readonly #now: () => number

  /** `now`: this AWS's clock, in milliseconds since the epoch. */
  constructor(open: boolean, now: () => number) {
    this.open = open
    this.#now = now
  }

  /** Lets a key pair sign calls. */
  addMaster(master: MasterCredentials): void {
    this.credentials.addMaster(master)
  }

  /** Declares an account, or more of one that is there. */
  addAccount(declaration: AccountDeclaration): void {
    const { accountId, attachmentQuota, handlerRole } = declaration
    if (!accountIdForm.test(accountId)) throw new Error(`An account id has 12 digits, not "${accountId}"`)
    const account = this.#accounts.get(accountId) ?? this.#create(accountId)
    if (handlerRole !== undefined) {
      account.handlerRole = handlerRole
      this.addRole(accountId, handlerRole.name)
    }
    if (attachmentQuota !== undefined) account.attachmentQuota = attachmentQuota
    for (const name of declaration.users ?? []) this.addUser(accountId, name)
    for (const name of declaration.roles ?? []) this.addRole(accountId, name)
    for (const pathAndName of declaration.policies ?? []) this.addPolicy(accountId, pathAndName)
  }

  addUser(accountId: string, name: string): void {
    addPrincipal(this.#declared(accountId), "User", name)
  }

  addRole(accountId: string, name: string): void {
    addPrincipal(this.#declared(accountId), "Role", name)
  }

  /** Declares a customer managed policy, with its path if it has one: `team/Auditors`. */
  addPolicy(accountId: string, pathAndName: string): void {
    this.#declared(accountId).policies.set(baseName(pathAndName).toLowerCase(), pathAndName)
  }

  /** Attaches a policy behind the worker's back, whatever the quota. */
  attach(accountId: string, type: PrincipalType, name: string, policyArn: string): void {
    this.#principal(accountId, type, name).attachments.set(policyArn.toLowerCase(), policyArn)
  }

  /** Detaches a policy behind the worker's back; nothing happens if it is not attached. */
  detach(accountId: string, type: PrincipalType, name: string, policyArn: string): void {
    this.#principal(accountId, type, name).attachments.delete(policyArn.toLowerCase())
  }

  /** Gives a principal a permissions boundary. */
  setBoundary(accountId: string, type: PrincipalType, name: string, policyArn: string): void {
    this.#principal(accountId, type, name).boundary = policyArn
  }

  /** The ARNs attached to a principal, in the order of attaching. */
  attachments(accountId: string, type: PrincipalType, name: string): ReadonlyArray<string> {
    return Array.from(this.#principal(accountId, type, name).attachments.values())
  }

  /** The sessions ever assumed, oldest first, of one account or all. */
  sessions(accountId?: string): ReadonlyArray<Session> {
    return this.credentials.sessions(accountId)
  }

  /** Ends all sessions of an account now: their next call gets ExpiredToken. */
  expireSessions(accountId: string): void {
    this.credentials.expire(accountId, this.#now())
  }

  /** The accounts there are, including those an open world has seen called. */
  accounts(): Iterable<Account> {
    return this.#accounts.values()
  }

  findAccount(accountId: string): Account | undefined {
    return this.#accounts.get(accountId) ?? (this.open ? this.#create(accountId) : undefined)
  }

  /** The role in `account` that AssumeRole may be about. */
  findAssumable(account: Account, name: string): HandlerRole | undefined {
    if (account.handlerRole?.name.toLowerCase() === name.toLowerCase()) return account.handlerRole
    return this.#exists(name) ? { name, maxSessionSeconds: 43_200 } : undefined
  }

  findPrincipal(account: Account, type: PrincipalType, name: string): Principal | undefined {
    const found = account.principals[type].get(name.toLowerCase())
    return found === undefined && this.#exists(name) ? addPrincipal(account, type, name) : found
  }

  /** The policy's ARN as IAM spells it, if the policy exists and `account` can see it. Its path must be right. */
  findPolicy(account: Account, arn: PolicyArn): string | undefined {
    const { owner, pathAndName } = arn
    const name = baseName(pathAndName)
    // What AWS does with another account's policy is not documented; that it does not exist here is a guess.
    if (owner !== "aws" && owner !== account.accountId) return undefined
    const known = owner === "aws" ? findManagedPolicy(name) : account.policies.get(name.toLowerCase())
    if (known === undefined) return this.#exists(name) ? formatPolicyArn(arn) : undefined
    return known.toLowerCase() === pathAndName.toLowerCase()
      ? formatPolicyArn({ ...arn, pathAndName: known })
      : undefined
  }

  #exists(name: string): boolean {
    return this.open && !name.toLowerCase().startsWith("missing")
  }

  #create(accountId: string): Account {
    const account: Account = {
      accountId,
      handlerRole: undefined,
      principals: { User: new Map(), Role: new Map() },
      policies: new Map(),
      attachmentQuota: 10
    }
    this.#accounts.set(accountId, account)
    return account
  }

  #declared(accountId: string): Account {
    const account = this.findAccount(accountId)
    if (account === undefined) throw new Error(`Account ${accountId} is not declared`)
    return account
  }

  #principal(accountId: string, type: PrincipalType, name: string): Principal {
    const principal = this.findPrincipal(this.#declared(accountId), type, name)
    if (principal === undefined) throw new Error(`${type} ${name} is not declared in account ${accountId}`)
    return principal
  }
}

const addPrincipal = (account: Account, type: PrincipalType, name: string): Principal => {
  const there = account.principals[type].get(name.toLowerCase())
  if (there !== undefined) return there
  const principal: Principal = { type, name, attachments: new Map(), boundary: undefined }
  account.principals[type].set(name.toLowerCase(), principal)
  return principal
}

/** Whether IAM refuses to attach this policy to anything that is not a service-linked role. */
export const isAttachable = (policyArn: string): boolean =>
  !isServiceLinked(parsePolicyArn(policyArn)?.pathAndName ?? "")
