import { span } from "./format.ts"

/** How long ago it was by the worker's clock; pointing at it shows the exact time. */
export const Ago = ({ at, now }: { readonly at: number | null; readonly now: number }) =>
  at === null ? (
    <span class="quiet">never</span>
  ) : (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toISOString()}>
      {span(now - at)} ago
    </time>
  )

/** In UTC, as the logs and the database have it. */
export const Exact = ({ at }: { readonly at: number | null }) =>
  at === null ? (
    <span class="quiet">never</span>
  ) : (
    <time dateTime={new Date(at).toISOString()}>{new Date(at).toISOString().replace("T", " ").replace("Z", "")}</time>
  )
