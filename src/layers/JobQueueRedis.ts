import { Clock, Duration, Effect, Layer, Option } from "effect"
import { RedisConfig, WorkerConfig } from "../services/Config.ts"
import { type DeadLetter, type Delivery, JobQueue } from "../services/JobQueue.ts"
import { Redis } from "../services/Redis.ts"

/** A drain waits for it, since a take is not interrupted; BRPOP of Redis < 6 knows whole seconds only. */
const waitForPayload = Duration.seconds(1)

/** `JobQueue` over the lists of contract §3, in both fetch modes. */
export const JobQueueRedis = Layer.effect(
  JobQueue,
  Effect.gen(function* () {
    const redis = yield* Redis
    const { fetchMode, queue } = yield* RedisConfig
    const { workerId } = yield* WorkerConfig

    const deadLetters = `${queue}_error`
    const reliable = fetchMode === "blmove"
    const processing = `{${queue}}:processing:${workerId}`

    let takes = 0

    /** Nothing holds the payload meanwhile in the mode `brpop`; in `blmove`, our processing list does. */
    const remove = ({ payload }: Delivery) => (reliable ? redis.removeFirst(processing, payload) : Effect.void)
    const move = (end: "left" | "right") => (delivery: Delivery) =>
      reliable ? redis.transfer(processing, queue, end, delivery.payload) : redis.push(queue, end, delivery.payload)

    return JobQueue.of({
      take: (reliable
        ? redis.moveLastWait(queue, processing, waitForPayload)
        : redis.popLastWait(queue, waitForPayload)
      ).pipe(Effect.map(Option.map((payload): Delivery => ({ payload, take: ++takes })))),
      remove,
      requeue: move("left"),
      giveBack: move("right"),
      deadLetter: (delivery, letter) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          redis.push(deadLetters, "left", encodeDeadLetter(delivery.payload, letter, workerId, now))
        ).pipe(Effect.andThen(remove(delivery))),
      forgetStatus: (correlationId) => redis.delete(`cache:status:${correlationId}`),
      submit: (payload) => redis.push(queue, "left", payload),
      stats: Effect.all(
        {
          depth: redis.length(queue),
          deadLetters: redis.length(deadLetters),
          oldest: redis.last(queue)
        },
        { concurrency: "unbounded" }
      )
    })
  })
)

/** Contract §3. Bytes that are not UTF-8 come as base64. */
const encodeDeadLetter = (payload: Uint8Array, letter: DeadLetter, workerId: string, now: number): Uint8Array => {
  const text = Buffer.from(payload).toString("utf8")
  const isText = Buffer.from(text, "utf8").equals(payload)
  return Buffer.from(
    JSON.stringify({
      ...(isText ? { payload: text } : { payload_base64: Buffer.from(payload).toString("base64") }),
      reason: letter.reason,
      message: letter.message,
      correlation_id: Option.getOrNull(letter.correlationId),
      worker_id: workerId,
      failed_at: new Date(now).toISOString()
    })
  )
}
