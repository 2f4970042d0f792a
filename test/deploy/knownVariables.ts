import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { ConfigProvider, Effect, Layer } from "effect"
import { ConfigLive } from "../../src/layers/environment/ConfigLive.ts"

/** The names of all variables that the worker asks its environment for. */
export const knownVariables = Effect.gen(function* () {
  const names = new Set<string>()
  const provider = (found: string) =>
    ConfigProvider.make((path) =>
      Effect.sync(() => {
        const name = path.join("_")
        names.add(name)
        return name === found ? ConfigProvider.makeValue("sentinel:26379") : undefined
      })
    )
  // With sentinels it asks for other variables than without.
  for (const found of ["", "REDIS_SENTINELS"]) {
    yield* Layer.build(ConfigLive).pipe(
      Effect.provide([ConfigProvider.layer(provider(found)), NodeFileSystem.layer]),
      Effect.ignore
    )
  }
  return names
}).pipe(Effect.scoped)
