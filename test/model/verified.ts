import { Clock, Effect, Option, Stream } from "effect"
import { propagation } from "../../src/domain/Access.ts"
import { compare, judge } from "../../src/domain/Verification.ts"
import { verifyTrails } from "../../src/programs/verify/verifyTrails.ts"
import { AccessRecords } from "../../src/services/AccessRecords.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import { makeProcess } from "./process.ts"

/** `verify` finds nothing where nobody but workers changed IAM. What it finds all the same, once it judges what was done last. */
export const verified = Effect.fnUntraced(function* (clock: Clock.Clock) {
  const { keysOf, principals } = yield* AccessRecords
  const { attachedTo } = yield* AwsIam
  const { clock: later, skew } = makeProcess("verify", clock)
  skew(propagation)

  const all = yield* principals({ accountId: Option.none(), behind: Option.none() })
  const found = yield* Effect.forEach(all, (named) =>
    Effect.gen(function* () {
      const { value: arns } = yield* attachedTo({ ...named, principalType: "User" })
      const { judged } = judge(named, yield* keysOf(named))
      return judged.flatMap((it) => Option.toArray(compare("aws", it, arns)))
    })
  ).pipe(Effect.provideService(Clock.Clock, later))
  const trails = yield* Stream.runCollect(verifyTrails(Option.none()))
  return [
    ...found.flat().map(({ attachment, kind }) => `verify: ${attachment.principal} is ${kind}`),
    ...trails.flatMap(({ broken, correlationId }) =>
      Option.toArray(broken).map(({ why }) => `verify: the trail of ${correlationId}: ${why}`)
    )
  ]
})
