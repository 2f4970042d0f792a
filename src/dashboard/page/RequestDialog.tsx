import { useCallback } from "preact/hooks"
import type { RequestDetails } from "../../domain/Overview.ts"
import { details } from "./api.ts"
import { Dialog } from "./Dialog.tsx"
import { span } from "./format.ts"
import { Asked, kindOf, Status } from "./Requests.tsx"
import { Exact } from "./Time.tsx"
import { usePolling } from "./usePolling.ts"
import { goTo } from "./useRoute.ts"

const Trail = ({ audit }: { readonly audit: RequestDetails["audit"] }) => (
  <ol class="trail">
    {audit.map(({ at, log, status }, index) => {
      const before = audit[index - 1]?.at ?? null
      return (
        // oxlint-disable-next-line react/no-array-index-key -- the trail only grows
        <li key={index} class={kindOf(status)}>
          <span class="line">
            <Status status={status} />
            <Exact at={at} />
            {at !== null && before !== null && <span class="quiet">after {after(at - before)}</span>}
          </span>
          <span class="reason">{log}</span>
        </li>
      )
    })}
  </ol>
)

const after = (millis: number) => (millis < 1_000 ? `${Math.round(millis)} ms` : span(millis))

/** One request with its whole trail, kept up to date. */
export const RequestDialog = ({ id }: { readonly id: string }) => {
  const { problem, value } = usePolling(
    useCallback(() => details(id), [id]),
    2_000
  )
  return (
    <Dialog title="Request" onClose={() => goTo({ request: "" })}>
      <p class="code">{id}</p>
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {value !== undefined && (
        <>
          <p class="line">
            <Status status={value.status} /> <Asked it={value} />
          </p>
          <dl class="facts">
            <dt>Requested</dt>
            <dd>
              <Exact at={value.requestedAt} />
            </dd>
            <dt>Changed</dt>
            <dd>
              <Exact at={value.updatedAt} />
            </dd>
            {value.durationMinutes !== null && (
              <>
                <dt>Ends after</dt>
                <dd>{value.durationMinutes} min</dd>
              </>
            )}
            {value.references.length > 0 && (
              <>
                <dt>AWS requests</dt>
                <dd class="code">{value.references.join(", ")}</dd>
              </>
            )}
          </dl>
          <h3>Audit trail (UTC)</h3>
          {value.audit.length === 0 ? <p class="quiet">Nothing yet.</p> : <Trail audit={value.audit} />}
        </>
      )}
    </Dialog>
  )
}
