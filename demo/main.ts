import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Schema } from "effect"
import { requestForPeople } from "../src/commands/render/request.ts"
import { style } from "../src/commands/render/style.ts"
import { Command, Flag } from "effect/cli"
import { reportToPerson } from "../src/commands/report.ts"
import { DatabaseConfigLive } from "../src/layers/environment/ConfigLive.ts"
import { GrantsSql } from "../src/layers/postgres/GrantsSql.ts"
import { JobStoreSql } from "../src/layers/postgres/JobStoreSql.ts"
import { SqlLive } from "../src/layers/postgres/SqlLive.ts"
import { status } from "../src/programs/operate/status.ts"
import { arrange } from "./arrange.ts"
import { environment } from "./environment.ts"
import { showExpiry } from "./expiry.ts"
import { makeJobs } from "./makeJobs.ts"
import { observe } from "./observe.ts"
import { mismatchLines, legend, speed, table } from "./report.ts"
import { Servers, SharedRedis } from "./servers.ts"
import { submitAsApi } from "./submitAsApi.ts"
import { verify } from "./verify.ts"
import { awaitDone, watch } from "./watch.ts"
import { openLog, runWorker } from "./worker.ts"

class NotAsExpected extends Schema.TaggedError<NotAsExpected>()("NotAsExpected", { mismatches: Schema.Int }) {
  override get message() {
    return `${this.mismatches} traces are not as they had to be`
  }
}

const demo = Effect.fnUntraced(function* (scene: "jobs" | "expiry") {
  const log = yield* openLog
  yield* Console.log(`  the worker   in this process, its log in ${log.path}\n`)
  yield* scene === "expiry" ? showExpiry(log.console) : showJobs(log.console)
})

const showJobs = Effect.fnUntraced(function* (workerOut: Console.Console) {
  const { aws } = yield* Servers
  const jobs = makeJobs()
  arrange(aws, jobs)
  yield* Console.log(`The API submits ${jobs.length} jobs, good and bad ones, while AWS has its troubles:\n`)
  const work = Effect.timed(Effect.andThen(submitAsApi(jobs), awaitDone))
  const watched = Effect.onInterrupt(watch(work), () =>
    Console.log("\nStopping: the worker drains, then the servers end")
  )
  const [took] = yield* Effect.raceFirst(watched, runWorker(workerOut))

  const observed = yield* observe(jobs)
  const mismatches = verify(observed)
  yield* Console.log(`\n${table(observed, mismatches)}\n\n${legend}\n\n${speed(jobs.length, took)}`)

  const example = jobs.find(({ kind }) => kind === "throttled for longer")
  if (example !== undefined) {
    yield* Console.log(
      "\nOne that AWS throttled until it had to be delivered again, as the command `status` shows it:\n"
    )
    yield* Console.log(requestForPeople(example.id, yield* status(example.id), yield* style))
  }
  if (mismatches.length > 0) {
    yield* Console.log(`\nNot as expected:\n\n${mismatchLines(mismatches)}\n`)
    return yield* new NotAsExpected({ mismatches: mismatches.length })
  }
  yield* Console.log("\nEvery job ended as it had to. README.md says how to run, configure and deploy the worker.")
})

/** What the worker's role sees. */
const Database = Layer.unwrap(
  Effect.map(Servers, (servers) =>
    Layer.merge(GrantsSql, JobStoreSql).pipe(
      Layer.provideMerge(SqlLive),
      Layer.provide(DatabaseConfigLive),
      Layer.provide(environment(servers, "csb_aws_user")),
      Layer.provide(NodeFileSystem.layer)
    )
  )
)

const Live = Layer.mergeAll(Database, SharedRedis).pipe(Layer.provideMerge(Servers.layer))

// A terminal that closes, or a pager that is left, is as good as a Ctrl-C: nothing may stay behind.
const stop = () => process.kill(process.pid, "SIGTERM")
process.on("SIGHUP", stop)
process.stdout.on("error", stop)

const scene = Flag.Literals("scene", ["jobs", "expiry"]).pipe(
  Flag.withDescription("jobs: good and bad ones, while AWS has its troubles; expiry: access that ends by itself"),
  Flag.withDefault("jobs")
)

Command.make("demo", { scene }, (asked) =>
  Console.log("Starting private servers:\n").pipe(
    Effect.andThen(Effect.provide(Effect.scoped(demo(asked.scene)), Live)),
    reportToPerson
  )
).pipe(
  Command.run({ version: "0.1.0", renderErrors: true }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
