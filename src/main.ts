#!/usr/bin/env node
import { setFlagsFromString } from "node:v8"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, ConfigProvider, Effect, Exit, Runtime } from "effect"
import { Command } from "effect/cli"
import packageJson from "../package.json" with { type: "json" }
import { dead } from "./commands/dead/dead.ts"
import { doctor } from "./commands/doctor.ts"
import { grants } from "./commands/grants.ts"
import { migrate } from "./commands/migrate.ts"
import { pause, resume } from "./commands/pause.ts"
import { queue } from "./commands/queue.ts"
import { retry } from "./commands/retry.ts"
import { roleTemplate } from "./commands/roleTemplate.ts"
import { run, runWorker } from "./commands/run.ts"
import { status } from "./commands/status.ts"
import { submit } from "./commands/submit.ts"
import { verify } from "./commands/verify.ts"

/**
 * Percent by which V8 may let its heap grow beyond what is in use before it collects garbage. With V8's own choice a worker under load
 * takes a third more memory.
 */
setFlagsFromString("--heap-growing-percent=30")

const main = Command.make("worker-service-aws", {}, () => runWorker).pipe(
  Command.withDescription("CSecBridge's access worker for AWS"),
  Command.withSubcommands([
    run,
    migrate,
    doctor,
    verify,
    submit,
    status,
    retry,
    grants,
    queue,
    pause,
    resume,
    dead,
    roleTemplate
  ]),
  Command.run({ version: packageJson.version, renderErrors: true })
)

/** Empty variables are kept: some must not count as missing. */
const Environment = ConfigProvider.layer(ConfigProvider.fromEnv({ preserveEmptyStrings: true }))

/** A signal is the ordinary end of the worker, which has then set the exit status; for any other command it is not. */
const teardown: Runtime.Teardown = (exit, onExit) =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    ? onExit(process.exitCode === 0 ? 0 : 130)
    : Runtime.defaultTeardown(exit, onExit)

NodeRuntime.runMain(main.pipe(Effect.provide([NodeServices.layer, Environment])), {
  disableErrorReporting: true,
  teardown
})
