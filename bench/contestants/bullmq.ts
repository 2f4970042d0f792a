import { Queue } from "bullmq"
import { Effect } from "effect"
import { BenchFailure } from "../BenchFailure.ts"
import type { Contestant } from "../Contestant.ts"
import { bullmqQueue } from "../peers/names.ts"
import { Servers } from "../servers.ts"
import { startPeer } from "./startPeer.ts"

const attempt = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new BenchFailure({ message: `BullMQ: ${String(cause)}` }) })

const onQueue = Effect.fnUntraced(function* <A>(run: (queue: Queue) => Promise<A>) {
  const { redis } = yield* Servers
  return yield* Effect.acquireUseRelease(
    Effect.sync(() => new Queue(bullmqQueue, { connection: redis })),
    (queue) => attempt(() => run(queue)),
    (queue) => Effect.ignore(attempt(() => queue.close()))
  )
})

/** BullMQ, whose jobs lie in Redis. */
export const bullmq: Contestant = {
  name: "BullMQ",
  place: {
    stage: (payloads) =>
      onQueue(async (queue) => {
        await queue.pause()
        await queue.addBulk(payloads.map((payload) => ({ name: "attach", data: JSON.parse(payload) })))
      }),
    release: () => onQueue((queue) => queue.resume()),
    left: onQueue(async (queue) => {
      const counts = await queue.getJobCounts("active", "waiting", "delayed", "failed")
      return Object.entries(counts)
        .filter(([, count]) => count > 0)
        .map(([state, count]) => `BullMQ: ${count} ${state}`)
    })
  },
  start: startPeer("bullmq")
}
