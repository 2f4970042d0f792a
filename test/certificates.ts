import { Effect, FileSystem } from "effect"
import { createCA, createCert } from "mkcert"

const aCa = Effect.promise(() =>
  createCA({ organization: "Test", countryCode: "DE", state: "Test", locality: "Test", validity: 1 })
)

/** A CA, a certificate that it signed for `localhost` and no other name, and another CA, which signed nothing; as files and as text. */
export const certificates = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const folder = yield* files.makeTempDirectoryScoped()
  const write = (name: string, text: string) =>
    Effect.as(files.writeFileString(`${folder}/${name}`, text), `${folder}/${name}`)

  const [ca, stranger] = yield* Effect.all([aCa, aCa], { concurrency: "unbounded" })
  const server = yield* Effect.promise(() => createCert({ ca, domains: ["localhost"], validity: 1 }))
  return {
    ca: yield* write("ca.pem", ca.cert),
    strangersCa: yield* write("stranger.pem", stranger.cert),
    certificate: yield* write("server.pem", server.cert),
    key: yield* write("server.key", server.key),
    pem: { ca: ca.cert, certificate: server.cert, key: server.key }
  }
})
