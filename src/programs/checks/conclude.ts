import { Console, Effect, Runtime, Schema } from "effect"
import type { Finding } from "../../domain/Finding.ts"
import { render } from "./render.ts"

/** The worker would not work, or not well; or a request would not succeed. */
export class ChecksFailed extends Schema.TaggedError<ChecksFailed>()("ChecksFailed", {
  verdict: Schema.Literals(["not well", "would not succeed"]),
  checks: Schema.NonEmptyArray(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = 1
  override get message() {
    return `${this.verdict}: ${this.checks.join(", ")}`
  }
}

/** How findings are printed. */
export interface Printing {
  readonly json: boolean
  readonly colours: boolean
}

/** Prints all findings, and fails with the names of the checks that failed. */
export const conclude = Effect.fnUntraced(function* (
  findings: ReadonlyArray<Finding>,
  { colours, json }: Printing,
  verdict: ChecksFailed["verdict"]
) {
  yield* Console.log(json ? JSON.stringify(findings, null, 2) : render(findings, colours))
  const [first, ...more] = namesOf(findings.filter(({ status }) => status === "failed"))
  if (first !== undefined) return yield* new ChecksFailed({ verdict, checks: [first, ...more] })
})

const namesOf = (findings: ReadonlyArray<Finding>) => Array.from(new Set(findings.map(({ check }) => check)))
