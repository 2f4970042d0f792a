import { Clock, DateTime, Effect, Option } from "effect"
import type { Status } from "../../domain/Request.ts"
import { endedLog, extendedLog } from "../../domain/Intervention.ts"
import { type Grant, Grants, type Moved } from "../../services/Grants.ts"
import type { Row, Rows } from "./Row.ts"

const isPending = ({ row }: { readonly row: Row }) => row.status === "PENDING"

/** `Grants` over the rows of the store in memory. `note` writes a row with a further audit row. */
export const grantsOf = (rows: Rows, note: (id: string, row: Row, log: string) => Effect.Effect<void>) => {
  const ends = () =>
    Array.from(rows).flatMap(([endId, row]) =>
      row.parentId !== null && row.notBefore !== null
        ? [{ endId, id: row.parentId, row, notBefore: row.notBefore }]
        : []
    )

  const move = Effect.fnUntraced(function* (
    id: string,
    moved: (notBefore: number, now: number) => number,
    log: string
  ) {
    const [found] = ends()
      .filter((it) => it.id === id || it.endId === id)
      .toSorted((one, other) => Number(isPending(other)) - Number(isPending(one)) || other.notBefore - one.notBefore)
    if (found === undefined) return Option.none()
    const { endId, id: grantId, notBefore, row } = found
    const pending = isPending(found)
    const next = pending ? moved(notBefore, yield* Clock.currentTimeMillis) : notBefore
    if (pending) yield* note(endId, { ...row, notBefore: next }, log)
    const answer: Moved = { id: grantId, endId, endsAt: DateTime.makeUnsafe(next), moved: pending, status: row.status }
    return Option.some(answer)
  })

  const open: ReadonlySet<Status> = new Set(["PENDING", "IN_PROGRESS", "FAILED"])

  return Grants.of({
    list: ({ accountId, principal }) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        ends()
          .filter(({ row }) => open.has(row.status))
          .filter(({ row }) => Option.isNone(accountId) || accountId.value === row.row.account_id)
          .filter(({ row }) => Option.isNone(principal) || principal.value === row.row.principal)
          .toSorted((one, other) => one.notBefore - other.notBefore)
          .map(({ endId, id, notBefore, row: { row, status } }): Grant => ({
            id,
            endId,
            accountId: row.account_id,
            principalType: row.principal_type ?? "",
            principal: row.principal,
            entitlementType: row.entitlement_type ?? "",
            entitlement: row.entitlement,
            endsAt: DateTime.makeUnsafe(notBefore),
            overdue: notBefore <= now,
            status,
            attachedBefore: rows.get(id)?.attachedBefore ?? null
          }))
      ),
    end: (id, intervention) => move(id, Math.min, endedLog(intervention)),
    extend: (id, minutes, intervention) =>
      move(id, (notBefore, now) => Math.max(notBefore, now) + minutes * 60_000, extendedLog(minutes, intervention))
  })
}
