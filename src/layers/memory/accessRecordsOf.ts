import { Array as Arr, Clock, Effect, Option } from "effect"
import type { Change, InDoubt } from "../../domain/Access.ts"
import { endGrace, type KeyRecord } from "../../domain/KeyRecord.ts"
import { bareName } from "../../domain/Verification.ts"
import { failedInDoubt, isLeftAsItIs } from "../../domain/Settlement.ts"
import { AccessRecords } from "../../services/AccessRecords.ts"
import { isFinal, like, type Row, type Rows, touchedAt } from "./Row.ts"

/** Principals that are read at a time. */
const page = 3

const leftAsItIs = like(isLeftAsItIs)
const doubts = failedInDoubt.map(like)

interface Recorded {
  readonly row: Row
  readonly change: Change | InDoubt
  readonly ends: ReadonlyArray<readonly [id: string, end: Row]>
}

const isOverdue = ({ notBefore, status }: Row, now: number) =>
  status === "PENDING" && notBefore !== null && notBefore < now - endGrace

const changeOf = (id: string, it: Row, ends: Recorded["ends"], now: number): Change | InDoubt | undefined => {
  const succeeded = it.status === "SUCCESS"
  if (it.row.action === "add" && (succeeded || ends.length > 0)) {
    const open = ends.some(([, end]) => !isFinal(end) && !isOverdue(end, now))
    const forGood = succeeded && (it.row.duration_minutes === null || ends.length === 0)
    const holds = forGood ? "for good" : succeeded && open ? "until its end" : "no more"
    return { _tag: "Granted", id, holds, attached: it.attachedBefore !== true }
  }
  if (succeeded) {
    const left = it.row.action !== "remove" || leftAsItIs.test(it.audit.at(-1)?.log ?? "")
    return left ? undefined : { _tag: "Detached", id, age: now - touchedAt(it) }
  }
  const action = it.row.action === "add" ? "add" : "remove"
  return (action === "add" || it.parentId === null) && it.audit.some(({ log }) => doubts.some((it) => it.test(log)))
    ? { _tag: "InDoubt", id, action }
    : undefined
}

const keyOf = ({ row: { entitlement, entitlement_type, principal_type } }: Row) =>
  JSON.stringify([entitlement, principal_type?.toLowerCase(), entitlement_type])

/** Whether a request of this name is on its way. */
const isUnderWay = (it: Row, now: number) =>
  it.status === "IN_PROGRESS" ||
  (it.status === "PENDING" && (it.notBefore === null || it.notBefore <= now) && !isOverdue(it, now))

const recordOf = (all: ReadonlyArray<Recorded>, others: ReadonlyArray<Row>, now: number): ReadonlyArray<KeyRecord> => {
  const since = all.slice(
    Math.max(
      0,
      all.findLastIndex(({ change }) => change._tag === "Detached")
    )
  )
  const ends = since.flatMap((it) => it.ends)
  const waiting = ends.findLast(([, end]) => isOverdue(end, now))
  const failed = ends.findLast(([, end]) => end.status === "FAILED")
  const open = ends.flatMap(([, end]) => (isFinal(end) || isOverdue(end, now) ? [] : [(end.notBefore ?? now) - now]))
  return since.slice(0, 1).map(({ row: { row } }) => ({
    principalType: row.principal_type,
    entitlementType: row.entitlement_type,
    entitlement: row.entitlement,
    history: since.map(({ change }) => change),
    age: Math.min(...since.map((it) => now - touchedAt(it.row))),
    inFlight: others.some((it) => bareName(it.row.entitlement) === bareName(row.entitlement) && isUnderWay(it, now)),
    endsIn: open.length === 0 ? null : Math.max(...open),
    end:
      waiting !== undefined
        ? { id: waiting[0], status: "PENDING" }
        : failed !== undefined
          ? { id: failed[0], status: "FAILED" }
          : null
  }))
}

/** `AccessRecords` over the rows of the store in memory. */
export const accessRecordsOf = (rows: Rows) =>
  AccessRecords.of({
    complete: true,
    rights: Effect.succeed({ role: "memory", reads: true, submits: true }),

    principals: ({ accountId, behind }) =>
      Effect.sync(() => {
        const all = Array.from(rows.values()).flatMap((it) =>
          isFinal(it) ? [{ accountId: it.row.account_id, principal: it.row.principal }] : []
        )
        const nameOf = (it: (typeof all)[number]) => `${it.accountId} ${it.principal}`
        return Array.from(new Map(all.map((it) => [nameOf(it), it])).values())
          .filter((it) => Option.isNone(accountId) || accountId.value === it.accountId)
          .filter((it) =>
            Option.match(behind, {
              onNone: () => true,
              onSome: (last) =>
                Option.match(last.principal, {
                  onNone: () => it.accountId > last.accountId,
                  onSome: (principal) => nameOf(it) > nameOf({ accountId: last.accountId, principal })
                })
            })
          )
          .toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
          .slice(0, page)
      }),

    keysOf: ({ accountId, principal }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const own = Array.from(rows).filter(
          ([, { row }]) => row.account_id === accountId && row.principal === principal
        )
        const recorded = own
          .filter(([, it]) => isFinal(it))
          .toSorted(([, one], [, other]) => Number((one.audit.at(-1)?.id ?? 0n) - (other.audit.at(-1)?.id ?? 0n)))
          .flatMap(([id, row]): ReadonlyArray<Recorded> => {
            const ends = Array.from(rows).filter(([, it]) => row.row.action === "add" && it.parentId === id)
            const change = changeOf(id, row, ends, now)
            return change === undefined ? [] : [{ row, change, ends }]
          })
        const others = own.map(([, row]) => row)
        return Object.values(Arr.groupBy(recorded, ({ row }) => keyOf(row))).flatMap((all) =>
          recordOf(all, others, now)
        )
      }),

    isSpelledOtherwise: ({ accountId, principal, principalType }) =>
      Effect.sync(() =>
        Array.from(rows.values()).some(
          ({ row, status }) =>
            status !== "FAILED" &&
            row.account_id === accountId &&
            row.principal !== principal &&
            row.principal.toLowerCase() === principal.toLowerCase() &&
            (row.principal_type ?? principalType).toLowerCase() === principalType.toLowerCase()
        )
      )
  })
