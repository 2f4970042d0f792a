import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { ConfigProvider, Effect, Layer } from "effect"
import { ConfigLive } from "../../src/layers/environment/ConfigLive.ts"

/** The names of all variables that the worker asks its environment for. */
export const knownVariables = Effect.gen(function* () {
  const names = new Set<string>()
  const provider = ConfigProvider.make((path) =>
    Effect.sync(() => {
      names.add(path.join("_"))
      return undefined
    })
  )
  yield* Layer.build(ConfigLive).pipe(
    Effect.provide([ConfigProvider.layer(provider), NodeFileSystem.layer]),
    Effect.ignore
  )
  return names
}).pipe(Effect.scoped)
