import { Effect, type Option } from "effect"
import { conclude, type Printing } from "../checks/conclude.ts"
import { checkConfig } from "../checks/config.ts"
import { checkAws } from "./aws.ts"
import { checkHttp } from "./http.ts"
import { checkPostgresql } from "./postgresql.ts"
import { checkRedis } from "./redis.ts"

export interface DoctorOptions extends Printing {
  /** The target account whose handler role is checked, too. */
  readonly account: Option.Option<string>
}

/** Checks all that the worker needs, changes nothing, and says what is wrong and what to do about it. */
export const doctor = Effect.fnUntraced(function* ({ account, ...printing }: DoctorOptions) {
  const parts = yield* Effect.all([checkConfig, checkPostgresql, checkRedis, checkAws(account), checkHttp], {
    concurrency: "unbounded"
  })
  yield* conclude(parts.flat(), printing, "not well")
})
