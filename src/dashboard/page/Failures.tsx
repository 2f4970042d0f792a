import { useState } from "preact/hooks"
import type { Overview } from "../../domain/Overview.ts"
import { codeOf, count, plural } from "./format.ts"
import { byCode } from "./problems.ts"
import { Requests } from "./Requests.tsx"

/** How many are shown before somebody asks for more. */
const few = 8

/** What failed in the last day, by kind. */
export const Failures = ({ overview: { history, now } }: { readonly overview: Overview }) => {
  const [code, setCode] = useState<string | undefined>(undefined)
  const [all, setAll] = useState(false)
  const failures = "value" in history ? history.value.failures : []
  const codes = byCode(failures.map(({ reason }) => reason))
  // The last failure of the chosen kind may be gone by now.
  const chosen = codes.some((it) => it.code === code) ? code : undefined
  const matching = failures.filter(({ reason }) => chosen === undefined || codeOf(reason) === chosen)
  return (
    <section aria-labelledby="failures">
      <h2 id="failures">Failures of the last 24 hours</h2>
      {"problem" in history ? (
        <p class="problem">{history.problem}</p>
      ) : failures.length === 0 ? (
        <p class="quiet">None.</p>
      ) : (
        <>
          {codes.length > 1 && (
            <p class="chips" role="group" aria-label="Show one kind">
              {codes.map((it) => (
                <button
                  key={it.code}
                  type="button"
                  class="chip"
                  aria-pressed={it.code === chosen}
                  onClick={() => setCode(it.code === chosen ? undefined : it.code)}
                >
                  {it.code} <b>{count(it.times)}</b>
                </button>
              ))}
            </p>
          )}
          <Requests requests={all ? matching : matching.slice(0, few)} now={now} />
          {matching.length > few && (
            <button type="button" onClick={() => setAll(!all)}>
              {all ? "Show fewer" : `Show ${plural(matching.length - few, "more", "more")}`}
            </button>
          )}
        </>
      )}
    </section>
  )
}
