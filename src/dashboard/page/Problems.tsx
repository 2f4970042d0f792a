import { type Problem, problemsOf } from "./problems.ts"
import type { Overview } from "../../domain/Overview.ts"

const names = { error: "Broken", warning: "Look at this", note: "Note" }

/** What is wrong, first of all; read out when it changes. */
export const Problems = ({
  overview,
  unanswered
}: {
  readonly overview: Overview
  readonly unanswered: string | undefined
}) => {
  const problems: ReadonlyArray<Problem> = [
    ...(unanswered === undefined
      ? []
      : [{ severity: "error" as const, text: "What you see is old", remedy: unanswered }]),
    ...problemsOf(overview)
  ]
  return (
    <section class="problems" aria-label="State" aria-live="polite">
      {problems.length === 0 ? (
        <p class="well">All is well.</p>
      ) : (
        <ul>
          {problems.map(({ remedy, severity, text }) => (
            <li key={text} class={severity}>
              <span class="badge">{names[severity]}</span>
              <strong>{text}</strong>
              <span>{remedy}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
