import { useEffect, useState } from "preact/hooks"
import type { RequestSummary } from "../../domain/History.ts"
import { search } from "./api.ts"
import { plural } from "./format.ts"
import { Requests } from "./Requests.tsx"
import { goTo } from "./useRoute.ts"

export const SearchField = ({ text }: { readonly text: string }) => {
  const [typed, setTyped] = useState(text)
  useEffect(() => setTyped(text), [text])
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        goTo({ search: typed.trim() })
      }}
    >
      <input
        type="search"
        aria-label="Search requests"
        placeholder="Correlation id, account or principal"
        value={typed}
        spellcheck={false}
        autocapitalize="none"
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <button type="submit">Search</button>
    </form>
  )
}

type Found = { readonly requests: ReadonlyArray<RequestSummary> } | { readonly problem: string }

/** The server's own limit. */
const most = 100

export const SearchResults = ({ now, text }: { readonly text: string; readonly now: number }) => {
  const [found, setFound] = useState<Found | undefined>(undefined)
  useEffect(() => {
    let over = false
    setFound(undefined)
    search(text).then(
      (answer) => over || setFound(answer),
      (error: unknown) => over || setFound({ problem: error instanceof Error ? error.message : String(error) })
    )
    return () => {
      over = true
    }
  }, [text])
  return (
    <section aria-labelledby="found" aria-busy={found === undefined}>
      <header class="line">
        <h2 id="found">Requests of “{text}”</h2>
        <button type="button" onClick={() => goTo({ search: "" })}>
          Close the search
        </button>
      </header>
      <p role="status" class="quiet">
        {found === undefined
          ? "Searching…"
          : "problem" in found
            ? found.problem
            : found.requests.length === 0
              ? "None. Ids, accounts and names have to be complete, and names in the right letter case."
              : found.requests.length === most
                ? `The latest ${most}.`
                : `${plural(found.requests.length, "request")}, the latest first.`}
      </p>
      {found !== undefined && "requests" in found && <Requests requests={found.requests} now={now} />}
    </section>
  )
}
