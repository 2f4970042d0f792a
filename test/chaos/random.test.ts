import { assert, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect } from "effect"
import { inject } from "vitest"
import { privateStage } from "./PrivateServers.ts"
import { complaints, render } from "./report.ts"
import { run } from "./run.ts"

/** A taste of what `npm run chaos` does for longer. */
const plan = { millis: 8_000, seed: 20_261_124 }

it.live.skipIf(inject("redisBinary") === undefined)(
  `three replicas under faults at random, with the seed ${plan.seed}`,
  () =>
    Effect.gen(function* () {
      const outcome = yield* run(plan)
      if (complaints(outcome).length > 0) yield* Console.log(render(plan, outcome))
      assert.deepStrictEqual(complaints(outcome), [])
      assert.isAbove(outcome.jobs, 0)
    }).pipe(Effect.provide(privateStage(inject("redisBinary") ?? "")), Effect.provide(NodeServices.layer)),
  120_000
)
