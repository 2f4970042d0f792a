import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import type { SqlError } from "effect/sql/SqlError"
import { PortUnavailable } from "../../domain/StartupError.ts"
import { type ConfigInvalid, HttpConfig } from "../../services/Config.ts"
import { metricsRoute } from "./metricsRoute.ts"
import { probeRoutes } from "./probeRoutes.ts"

/** The probes, the metrics and other routes. Serves until its scope closes, so during the drain, too. */
export const httpLive = <R>(routes: Layer.Layer<never, ConfigInvalid | SqlError, R>) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { host, port } = yield* HttpConfig
      const announce = Layer.effectDiscard(
        HttpServer.addressFormattedWith((address) => Effect.logInfo(`listening on ${address}`))
      )
      return HttpRouter.serve(Layer.mergeAll(probeRoutes, metricsRoute, routes), {
        disableLogger: true,
        disableListenLog: true
      }).pipe(
        Layer.merge(announce),
        // Probes are answered within milliseconds; a client that keeps its connection open must not hold up the exit.
        Layer.provide(NodeHttpServer.layer(createServer, { host, port, gracefulShutdownTimeout: "100 millis" })),
        Layer.catchTag("ServeError", ({ cause }) => {
          const reason = cause instanceof Error ? cause.message : String(cause)
          return Layer.effectDiscard(Effect.fail(new PortUnavailable({ address: `${host}:${port}`, reason })))
        })
      )
    })
  )
