import { Duration, Effect, type Scope } from "effect"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { failed, type Finding, type Outcome, skipped } from "../../domain/Finding.ts"
import { reasonOf } from "../../domain/reasonOf.ts"
import type { BackendUnavailable } from "../../domain/StartupError.ts"
import type { ConfigInvalid } from "../../services/Config.ts"
import { unconfigured } from "./config.ts"

/** No check may take longer, whatever the server does; still longer than any single call that it makes may take. */
const limit = Duration.seconds(20)

/** One check, which always ends with a finding, even if only that looking failed or took too long. */
export const check = <E extends { readonly message: string }, R>(
  name: string,
  look: Effect.Effect<Outcome, E, R>
): Effect.Effect<Finding, never, R> =>
  look.pipe(
    Effect.catch((error) =>
      Effect.succeed(failed(isSqlError(error) ? reasonOf(error) : error.message, "Fix that, and look again"))
    ),
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () =>
        Effect.succeed(
          failed(`no answer within ${Duration.format(limit)}`, "Look at the server and at the network to it")
        )
    }),
    Effect.map((outcome) => ({ check: name, ...outcome }))
  )

/** One check that means nothing unless another went well. */
export const checkAfter = <E extends { readonly message: string }, R>(
  before: Finding,
  name: string,
  look: Effect.Effect<Outcome, E, R>
): Effect.Effect<Finding, never, R> =>
  before.status === "failed" || before.status === "skipped"
    ? Effect.succeed(skippedAfter(before)(name))
    : check(name, look)

export const skippedAfter =
  (before: Finding) =>
  (name: string): Finding => ({ check: name, ...skipped(`see ${before.check}`) })

/** Checks of a backend; the first of `names` is whether it can be connected to, and `unusable` what is to be done if not. */
export const checkBackend = <Session, R>(
  names: Readonly<Record<string, string>>,
  connect: Effect.Effect<Session, ConfigInvalid | BackendUnavailable | SqlError, Scope.Scope>,
  unusable: (error: BackendUnavailable) => Outcome,
  examine: (session: Session) => Effect.Effect<ReadonlyArray<Finding>, never, R>
) =>
  Effect.matchEffect(connect, {
    onSuccess: examine,
    onFailure: Effect.fnUntraced(function* (error) {
      const [first = "", ...others] = Object.values(names)
      const look = Effect.catchTags(Effect.fail(error), {
        ConfigInvalid: unconfigured,
        BackendUnavailable: (it) => Effect.succeed(unusable(it))
      })
      const connection = yield* check(first, look)
      return [connection, ...others.map(skippedAfter(connection))]
    })
  }).pipe(Effect.scoped)

/** Of several remedies the first whose pattern is found in the reason. */
export const remedyFor = (
  reason: string,
  remedies: ReadonlyArray<readonly [pattern: RegExp, remedy: string]>,
  otherwise: string
): string => remedies.find(([pattern]) => pattern.test(reason))?.[1] ?? otherwise
