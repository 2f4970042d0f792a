/** BullMQ with a pool of `pg`. Prints `ready`; ends on SIGTERM. https://docs.bullmq.io/guide/going-to-production */
import { Worker } from "bullmq"
import { makeHandler } from "./handler.ts"
import { bullmqQueue } from "./names.ts"
import { concurrency, redisAddress } from "./options.ts"
import type { Payload } from "./records.ts"

const { close, handle } = makeHandler()
const worker = new Worker<Payload>(bullmqQueue, ({ data }) => handle(data), {
  connection: { ...redisAddress, maxRetriesPerRequest: null },
  concurrency,
  removeOnComplete: { count: 1_000 }
})
worker.on("failed", (_, error) => process.stdout.write(`${error.message}\n`))
worker.on("error", (error) => process.stdout.write(`${error.message}\n`))

process.once("SIGTERM", () => void worker.close().then(close))
await worker.waitUntilReady()
process.stdout.write("ready\n")
