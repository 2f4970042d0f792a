import { Effect, Layer, Option } from "effect"
import { HttpConfig } from "../services/Config.ts"
import { makeAccess } from "./access.ts"
import { dataRoutes } from "./dataRoutes.ts"
import { pageRoutes } from "./pageRoutes.ts"

/** The dashboard, if there is a token that protects it. */
export const dashboardRoutes = Layer.unwrap(
  Effect.gen(function* () {
    const { adminToken } = yield* HttpConfig
    if (Option.isNone(adminToken)) return Layer.empty
    const access = makeAccess(adminToken.value)
    return Layer.merge(pageRoutes(access), dataRoutes(access))
  })
)
