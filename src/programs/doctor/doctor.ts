import { Console, Effect, type Option, Runtime, Schema } from "effect"
import type { Finding } from "../../domain/Finding.ts"
import { checkAws } from "./aws.ts"
import { checkConfig } from "./config.ts"
import { checkHttp } from "./http.ts"
import { checkPostgresql } from "./postgresql.ts"
import { checkRedis } from "./redis.ts"
import { render } from "./render.ts"

/** The worker would not work, or not well. */
export class ChecksFailed extends Schema.TaggedError<ChecksFailed>()("ChecksFailed", {
  checks: Schema.NonEmptyArray(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = 1
  override get message() {
    return `not well: ${this.checks.join(", ")}`
  }
}

export interface DoctorOptions {
  /** Of one target account the handler role is looked at, too. */
  readonly account: Option.Option<string>
  readonly json: boolean
  readonly colours: boolean
}

/** Looks at all that the worker needs, changes nothing, and tells what is wrong and what to do about it. */
export const doctor = Effect.fnUntraced(function* ({ account, colours, json }: DoctorOptions) {
  const parts = yield* Effect.all([checkConfig, checkPostgresql, checkRedis, checkAws(account), checkHttp], {
    concurrency: "unbounded"
  })
  const findings = parts.flat()
  yield* Console.log(json ? JSON.stringify(findings, null, 2) : render(findings, colours))
  const [first, ...more] = namesOf(findings.filter(({ status }) => status === "failed"))
  if (first !== undefined) return yield* new ChecksFailed({ checks: [first, ...more] })
})

const namesOf = (findings: ReadonlyArray<Finding>) => Array.from(new Set(findings.map(({ check }) => check)))
