import { randomUUID } from "node:crypto"
import { Clock, DateTime, Effect, Option } from "effect"
import { isTemporary, type Status } from "../../domain/Request.ts"
import type { AuditRow, Row } from "./Row.ts"

/** `csb_requests` and its audit trail in memory, and what statements do to them. */
export const makeTable = () => {
  const rows = new Map<string, Row>()
  let audits = 0n

  /** Changes the status and adds the audit row. */
  const advance = (id: string, row: Row, status: Status, log: string, references: ReadonlyArray<string> = []) =>
    Effect.map(DateTime.now, (now) => {
      const entry: AuditRow = { id: ++audits, status, at: now, log }
      rows.set(id, {
        ...row,
        status,
        updatedAt: Option.some(now),
        audit: [...row.audit, entry],
        references: [...row.references, ...references]
      })
      return entry.id
    })

  /** A new request, PENDING. */
  const add = (id: string, asked: Pick<Row, "row" | "clientRequestId" | "notBefore" | "parentId">, log: string) =>
    Effect.map(DateTime.now, (now) => {
      rows.set(id, {
        ...asked,
        status: "PENDING",
        requestedAt: now,
        updatedAt: Option.none(),
        attachedBefore: null,
        audit: [{ id: ++audits, status: "PENDING", at: now, log }],
        references: []
      })
    })

  /** The end of a grant, due at this time (Unix milliseconds). */
  const writeEnd = (grantId: string, { clientRequestId, row }: Row, due: number) =>
    add(
      randomUUID(),
      {
        row: { ...row, action: "remove", duration_minutes: null },
        clientRequestId: clientRequestId === null ? null : `${clientRequestId.slice(0, 248)}:expiry`,
        notBefore: due,
        parentId: grantId
      },
      `Ends the access of request ${grantId}, due ${DateTime.formatIso(DateTime.makeUnsafe(due))}`
    )

  /** Ends a grant for a time that failed, but may have attached its policy. */
  const endDoubt = Effect.fnUntraced(function* (id: string, found: Row) {
    if (isTemporary(found.row) && found.attachedBefore === false)
      yield* writeEnd(id, found, yield* Clock.currentTimeMillis)
  })

  const touch = (id: string, row: Row, now: DateTime.Utc) => rows.set(id, { ...row, updatedAt: Option.some(now) })

  /** An audit row that leaves the status as it is. */
  const note = (id: string, row: Row, log: string) =>
    Effect.map(DateTime.now, (at) => {
      rows.set(id, { ...row, audit: [...row.audit, { id: ++audits, status: row.status, at, log }] })
    })

  return { add, advance, endDoubt, note, rows, touch, writeEnd }
}
