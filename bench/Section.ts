import type { Effect } from "effect"
import type { Failure, Needs } from "./Contestant.ts"
import type { Chart } from "./document/chart.ts"
import type { Figure } from "./Figure.ts"
import type { Plan } from "./plan.ts"

/** What a section found out. */
export interface Findings {
  readonly figures: ReadonlyArray<Figure>
  /** What the document says below the table, as Markdown. */
  readonly details?: string
  readonly charts?: ReadonlyArray<Chart>
}

/** A part of the bench that can be run alone. */
export interface Section {
  readonly name: string
  readonly title: string
  readonly measure: (plan: Plan) => Effect.Effect<Findings, Failure, Needs>
}
