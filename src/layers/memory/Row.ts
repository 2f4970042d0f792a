import { DateTime, Option } from "effect"
import type { Change } from "../../domain/Access.ts"
import type { RequestRow, Status } from "../../domain/Request.ts"
import { isLeftAsItIs } from "../../domain/Settlement.ts"

export interface AuditRow {
  readonly id: bigint
  readonly status: Status
  readonly at: DateTime.Utc
  readonly log: string
}

/** A row of `csb_requests`, with its audit trail and its references. */
export interface Row {
  readonly row: RequestRow
  readonly clientRequestId: string | null
  readonly status: Status
  readonly requestedAt: DateTime.Utc
  readonly updatedAt: Option.Option<DateTime.Utc>
  /** Unix milliseconds. */
  readonly notBefore: number | null
  readonly parentId: string | null
  readonly attachedBefore: boolean | null
  readonly audit: ReadonlyArray<AuditRow>
  readonly references: ReadonlyArray<string>
}

export type Rows = ReadonlyMap<string, Row>

/** PostgreSQL's LIKE, for patterns that do not contain `_`. */
export const like = (pattern: string) => new RegExp(`^${pattern.replaceAll("%", ".*")}$`)
const leftAsItIs = like(isLeftAsItIs)

export const touchedAt = ({ requestedAt, updatedAt }: Row) =>
  DateTime.toEpochMillis(Option.getOrElse(updatedAt, () => requestedAt))

export const isRebuildable = ({ row }: Row) => row.principal_type !== null && row.entitlement_type !== null

export const isDue = ({ notBefore }: Row, now: number) => notBefore === null || notBefore <= now

export const isFinal = ({ status }: Row) => status === "SUCCESS" || status === "FAILED"

/** Whether the claim with this token still stands. */
export const isHeld = ({ audit, status }: Row, token: bigint) =>
  status === "IN_PROGRESS" && !audit.some((entry) => entry.id > token && entry.status === "IN_PROGRESS")

export const isOnKeyOf = (one: RequestRow) => (other: RequestRow) =>
  one.account_id === other.account_id && one.principal === other.principal && one.entitlement === other.entitlement

/** Requests of the same time come in the order of their ids. */
export const isOlder = ([id, row]: readonly [string, Row], [otherId, other]: readonly [string, Row]) => {
  const apart = DateTime.toEpochMillis(row.requestedAt) - DateTime.toEpochMillis(other.requestedAt)
  return apart < 0 || (apart === 0 && id < otherId)
}

/** The job of a request, made from its row. */
export const payloadOf = (id: string, { clientRequestId, notBefore, parentId, requestedAt, row }: Row): string =>
  JSON.stringify(
    {
      correlation_id: id,
      client_request_id: clientRequestId,
      target_cloud: "aws",
      ...row,
      parent_id: parentId,
      received_at: DateTime.formatIso(notBefore === null ? requestedAt : DateTime.makeUnsafe(notBefore))
    },
    (_, value: unknown) => value ?? undefined
  )

const endsOf = (rows: Rows, id: string) => Array.from(rows).filter(([, { parentId }]) => parentId === id)

const lastAudit = ({ audit }: Row) => audit.at(-1)?.id ?? 0n

/** A row that does not say what kind of principal or policy it is about may be about the same ones. */
const isAboutAttachmentOf = (one: RequestRow) => (other: RequestRow) =>
  isOnKeyOf(one)(other) &&
  [one.principal_type, null].includes(other.principal_type) &&
  [one.entitlement_type, null].includes(other.entitlement_type)

/** What settled requests did to the attachment that this one is about. */
export const historyOf = (rows: Rows, askedId: string, asked: Row, now: number): ReadonlyArray<Change> =>
  Array.from(rows)
    .filter(
      ([id, it]) =>
        isFinal(it) &&
        isAboutAttachmentOf(asked.row)(it.row) &&
        (it.status === "SUCCESS" || (it.row.action === "add" && endsOf(rows, id).length > 0)) &&
        !leftAsItIs.test(it.audit.at(-1)?.log ?? "")
    )
    .toSorted(([, one], [, other]) => (lastAudit(one) < lastAudit(other) ? -1 : 1))
    .map(([id, it]): Change => {
      if (it.row.action !== "add") return { _tag: "Detached", id, age: now - touchedAt(it) }
      const ends = endsOf(rows, id)
      const holds =
        it.status !== "SUCCESS"
          ? "no more"
          : it.row.duration_minutes === null || ends.length === 0
            ? "for good"
            : ends.some(([endId, end]) => endId !== askedId && !isFinal(end))
              ? "until its end"
              : "no more"
      return { _tag: "Granted", id, holds, attached: it.attachedBefore !== true }
    })
