/**
 * graphile-worker, whose jobs are rows of the same PostgreSQL. Prints `ready`; ends on SIGTERM.
 *
 * Pool, local queue and batched completions as its own page on performance has them.
 * https://worker.graphile.org/docs/performance
 */
import { Logger, run } from "graphile-worker"
import { makeHandler } from "./handler.ts"
import { graphileTask } from "./names.ts"
import { concurrency, database, options } from "./options.ts"
import type { Payload } from "./records.ts"

const { close, handle } = makeHandler()
const { host, port } = database
const runner = await run({
  preset: {
    worker: {
      connectionString: `postgres://postgres:${options.password}@${host}:${port}/postgres`,
      concurrentJobs: concurrency,
      maxPoolSize: concurrency + 1,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
      // A line for each job would go to a pipe that nobody reads.
      logger: new Logger(() => (level, message) => {
        if (level === "error") process.stdout.write(`${message}\n`)
      })
    }
  },
  noHandleSignals: true,
  taskList: {
    [graphileTask]: (payload) => {
      if (!isPayload(payload)) throw new Error("not a payload")
      return handle(payload)
    }
  }
})

process.once("SIGTERM", () => void runner.stop().then(close))
process.stdout.write("ready\n")

function isPayload(payload: unknown): payload is Payload {
  return (
    typeof payload === "object" &&
    payload !== null &&
    "correlation_id" in payload &&
    "account_id" in payload &&
    "principal" in payload &&
    "entitlement" in payload
  )
}
