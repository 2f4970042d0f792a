import { createServer } from "node:net"
import { Effect, FileSystem, Layer } from "effect"
import type { HttpConfig } from "../../services/Config.ts"
import { PortProbe, PortTaken } from "../../services/PortProbe.ts"
import { http } from "../environment/sections.ts"

export const PortProbeLive = Layer.effect(
  PortProbe,
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    return PortProbe.of({
      listen: Effect.provideService(http, FileSystem.FileSystem, files).pipe(Effect.flatMap(listen))
    })
  })
)

const listen = ({ host, port }: Pick<HttpConfig["Service"], "host" | "port">) =>
  Effect.callback<string, PortTaken>((resume) => {
    const address = `${host}:${port}`
    const server = createServer()
    server.on("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new PortTaken({ address, code: error.code ?? error.message })))
    )
    server.listen(port, host, () => server.close(() => resume(Effect.succeed(address))))
    return Effect.sync(() => server.close())
  })
