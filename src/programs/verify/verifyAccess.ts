import { Array, Effect, Option } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import { Refused } from "../../domain/Refused.ts"
import type { NotNow } from "../../domain/Settlement.ts"
import { compare, type Discrepancy, judge } from "../../domain/Verification.ts"
import { AccessRecords, type NamedPrincipal } from "../../services/AccessRecords.ts"
import { AwsConfig } from "../../services/Config.ts"
import { attachmentsOf } from "./attachmentsOf.ts"
import { type Repair, VerifyEvent } from "./VerifyEvent.ts"

/** What to do about a finding; null: only report it. */
export type Mend<E, R> = (discrepancy: Discrepancy) => Effect.Effect<Repair | null, E, R>

export interface Scope {
  /** Only this account. */
  readonly account: Option.Option<string>
  /** Only the accounts after this one. */
  readonly after: Option.Option<string>
}

/** Compares what settled requests say with what IAM has, principal by principal, the accounts in ascending order. */
export const verifyAccess = Effect.fnUntraced(function* <E, R>(
  { account, after }: Scope,
  mend: Mend<E, R>,
  tell: (event: VerifyEvent) => Effect.Effect<void>
) {
  const records = yield* AccessRecords
  let behind = Option.map(after, (accountId) => ({ accountId, principal: Option.none<string>() }))
  let current: { readonly accountId: string; readonly entered: boolean } | undefined
  while (true) {
    const page = yield* records.principals({ accountId: account, behind })
    for (const principal of page) {
      const { accountId } = principal
      if (accountId !== current?.accountId) {
        if (current !== undefined) yield* tell(VerifyEvent.AccountDone(current))
        current = { accountId, entered: true }
      }
      if (current.entered) current = { accountId, entered: yield* verifyPrincipal(principal, mend, tell) }
    }
    const last = page.at(-1)
    if (last === undefined) break
    behind = Option.some({ accountId: last.accountId, principal: Option.some(last.principal) })
  }
  if (current !== undefined) yield* tell(VerifyEvent.AccountDone(current))
})

/** False: nothing in the account can be read, so the rest of it need not be tried. */
const verifyPrincipal = Effect.fnUntraced(function* <E, R>(
  named: NamedPrincipal,
  mend: Mend<E, R>,
  tell: (event: VerifyEvent) => Effect.Effect<void>
) {
  const { isSpelledOtherwise, keysOf } = yield* AccessRecords
  const { partition } = yield* AwsConfig
  const look = Effect.map(keysOf(named), (keys) => judge(named, keys))

  const before = yield* look
  const types = Array.dedupe(before.judged.map(({ attachment }) => attachment.principalType))
  const read = yield* Effect.forEach(types, (principalType) =>
    Effect.map(attachmentsOf({ ...named, principalType }), (listed) => [principalType, listed] as const)
  ).pipe(Effect.result)
  if (read._tag === "Failure") {
    const error = read.failure
    if (error.kind === "systemic") {
      return yield* new Refused({
        reason: `AWS refuses the worker's own credentials or clock: ${describe(error)}`,
        remedy: "Find out why: worker-service-aws doctor"
      })
    }
    const ofPrincipal = error.kind === "permanent" && error.operation !== "AssumeRole"
    const { accountId, principal } = named
    yield* tell(
      VerifyEvent.NotVerified({ accountId, principal: ofPrincipal ? principal : null, reason: describe(error) })
    )
    return ofPrincipal
  }

  const listed = new Map(read.success)
  const differencesIn = ({ judged }: typeof before) =>
    judged.flatMap((it) => {
      const arns = listed.get(it.attachment.principalType)
      return arns === undefined ? [] : Option.toArray(compare(partition, it, arns))
    })
  // What a worker has done since the records were read would look like somebody else's doing. Reading them again shows it.
  const now = differencesIn(before).length === 0 ? before : yield* look
  const differences = differencesIn(now)
  // IAM does not tell names apart by case, the records do: what one spelling was granted, another may have taken away.
  const unclear = yield* Effect.filter(types, (principalType) =>
    differences.some(({ attachment }) => attachment.principalType === principalType)
      ? isSpelledOtherwise({ ...named, principalType })
      : Effect.succeed(false)
  )
  const isUnclear = ({ attachment }: Discrepancy) => unclear.includes(attachment.principalType)
  const ambiguous = differences.filter(isUnclear)
  yield* tell(
    VerifyEvent.Compared({
      compared: now.judged.length - ambiguous.length,
      notJudged: [...now.notJudged, ...ambiguous.map(() => "ambiguous" as const)]
    })
  )
  for (const discrepancy of differences.filter((it) => !isUnclear(it))) {
    yield* tell(VerifyEvent.Found({ discrepancy, repair: yield* mend(discrepancy) }))
  }
  return true
})

const describe = (error: AwsError | NotNow): string =>
  `${error.code}: ${error.message}${"operation" in error ? ` (${error.operation})` : ""}`
