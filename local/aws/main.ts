import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Runtime, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { LocalAws } from "./LocalAws.ts"

/** The exit code of a program that a signal ended. */
const interrupted = 130

const NonNegative = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const command = Command.make(
  "local-aws",
  {
    port: Flag.Int("port").pipe(
      Flag.withDescription("Port to listen on; 0 picks a free one"),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))),
      Flag.withDefault(4566)
    ),
    host: Flag.String("host").pipe(Flag.withDescription("Address to listen on"), Flag.withDefault("127.0.0.1")),
    latencyMillis: Flag.Int("latency").pipe(
      Flag.withDescription("Milliseconds before each answer"),
      Flag.withSchema(NonNegative),
      Flag.withDefault(0)
    ),
    open: Flag.Boolean("open").pipe(
      Flag.withDescription("Every account, user, role and policy exists unless its name starts with 'missing'"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* (options) {
    yield* Effect.gen(function* () {
      const { master, url } = yield* LocalAws
      yield* Console.log(
        `local AWS at ${url}; point the worker at it with AWS_ENDPOINT_URL=${url} AWS_REGION=us-east-1 ` +
          `AWS_ACCESS_KEY=${master.accessKeyId} AWS_SECRET_KEY=${master.secretAccessKey}`
      )
      yield* Effect.never
    }).pipe(Effect.provide(LocalAws.layer(options)))
  })
).pipe(Command.withDescription("A local AWS (STS and IAM) for development, tests, the demo and benches"))

command.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    // A signal is how this server is meant to end: that is no failure.
    teardown: (exit, onExit) => Runtime.defaultTeardown(exit, (code) => onExit(code === interrupted ? 0 : code))
  })
)
