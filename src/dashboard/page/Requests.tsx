import type { RequestSummary } from "../../domain/History.ts"
import { linkTo } from "./useRoute.ts"
import { Ago } from "./Time.tsx"

/** The kind of a status, whatever label the database has for it. */
export const kindOf = (status: string): "well" | "error" | "warning" | "note" =>
  ({ success: "well", failed: "error", in_progress: "warning" } as const)[status.toLowerCase()] ?? "note"

export const Status = ({ status }: { readonly status: string }) => (
  <span class={`badge ${kindOf(status)}`}>{status === "" ? "unknown" : status}</span>
)

/** What was asked for, in a line. */
export const Asked = ({ it }: { readonly it: Omit<RequestSummary, "status" | "requestedAt" | "updatedAt"> }) => (
  <span class="asked">
    {it.action} <b>{it.entitlement}</b> {it.action === "remove" ? "from" : "to"} {it.principalType?.toLowerCase()}{" "}
    <b>{it.principal}</b> in <span class="code">{it.accountId}</span>
  </span>
)

/** A list of requests, each a link to all that is known about it. */
export const Requests = ({
  now,
  requests
}: {
  readonly now: number
  readonly requests: ReadonlyArray<
    RequestSummary & { readonly reason?: string; readonly failedAt?: number; readonly auditId?: string }
  >
}) => (
  <ul class="rows">
    {requests.map((it) => (
      <li key={it.auditId ?? it.correlationId}>
        <a href={linkTo({ request: it.correlationId })}>
          <span class="line">
            <Status status={it.status} />
            <Asked it={it} />
            <Ago at={it.failedAt ?? it.updatedAt ?? it.requestedAt} now={now} />
          </span>
          {it.reason !== undefined && <span class="reason">{it.reason}</span>}
          <span class="code quiet">{it.correlationId}</span>
        </a>
      </li>
    ))}
  </ul>
)
