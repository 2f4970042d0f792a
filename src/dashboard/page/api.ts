import type { DeadLetterView, Overview, RequestDetails } from "../../domain/Overview.ts"
import type { RequestSummary } from "../../domain/History.ts"

/** The worker's answer was a refusal, or there was none. */
export class Refused extends Error {}

const ask = async <A>(path: string, method = "GET", body?: unknown): Promise<A> => {
  const sent = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
  const answer = await fetch(path, { method, ...sent }).catch(() => {
    throw new Refused("The worker does not answer.")
  })
  // The session has ended; loading the page again shows the form.
  if (answer.status === 401) window.location.reload()
  const said = answer.status === 204 ? {} : await answer.json()
  if (!answer.ok) throw new Refused(said.problem ?? `The worker answered ${answer.status}.`)
  return said
}

export const overview = () => ask<Overview>("/api/overview")
export const search = (text: string) =>
  ask<{ readonly requests: ReadonlyArray<RequestSummary> }>(`/api/requests?${new URLSearchParams({ search: text })}`)
export const details = (id: string) => ask<RequestDetails>(`/api/requests/${encodeURIComponent(id)}`)
export const deadLetters = () => ask<{ readonly letters: ReadonlyArray<DeadLetterView> }>("/api/dead-letters")
/** `by` and `why` go into the request's audit trail, if it has to be opened again. */
export const replay = (id: string, intervention: { readonly by: string; readonly why: string }) =>
  ask<{ readonly correlationId: string }>(`/api/dead-letters/${encodeURIComponent(id)}/replay`, "POST", intervention)
export const signOut = () => ask<void>("/session", "DELETE", {})
