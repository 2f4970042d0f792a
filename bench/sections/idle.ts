import { Deferred, Effect } from "effect"
import { BenchFailure } from "../BenchFailure.ts"
import { worker as contestant } from "../contestants/worker.ts"
import { awsCalls, increase } from "../counters.ts"
import { openDoor } from "../door.ts"
import { atMost, ofOnce } from "../Figure.ts"
import { awaitSettled, writeRows } from "../jobs.ts"
import { percentile } from "../measure.ts"
import { queue, warmUpJobs } from "../plan.ts"
import { onRedis } from "../redis.ts"
import { carryOut } from "../sample.ts"
import type { Section } from "../Section.ts"
import { Servers } from "../servers.ts"
import { verify } from "../verify.ts"
import { startWorker } from "../worker.ts"

/** Milliseconds that the worker has nothing to do before each job: the last one is long over. */
const pause = 30

/** How soon a job that comes alone is on its way to AWS. Both times are taken by this process, so by one clock. */
export const idle: Section = {
  name: "idle",
  title: "Idle worker: from LPUSH to the IAM request on the wire",
  measure: Effect.fnUntraced(function* ({ accounts, concurrency, idleJobs }) {
    const { awsUrl } = yield* Servers
    let requested = yield* Deferred.make<number>()
    const { hostname, port } = new URL(awsUrl)
    const doorPort = yield* openDoor({ host: hostname, port: Number(port) }, () => (chunk) => {
      // The head of a request; its body may come apart from it.
      if (chunk.subarray(0, 4).toString() === "POST") Deferred.doneUnsafe(requested, Effect.succeed(performance.now()))
    })
    const worker = yield* startWorker({ concurrency, awsUrl: `http://127.0.0.1:${doorPort}` })
    yield* carryOut(contestant, [worker], { name: "idle-warm", jobs: warmUpJobs }, accounts)

    const batch = { name: "idle", jobs: idleJobs }
    const payloads = yield* writeRows(batch, accounts)
    const callsBefore = yield* awsCalls
    const taken: Array<number> = []
    for (const payload of payloads) {
      yield* Effect.sleep(pause)
      requested = yield* Deferred.make<number>()
      let pushedAt = 0
      yield* onRedis((redis) => {
        pushedAt = performance.now()
        return redis.lpush(queue, payload)
      })
      const at = yield* Deferred.await(requested).pipe(
        Effect.timeoutOrElse({
          duration: "10 seconds",
          orElse: () => Effect.fail(new BenchFailure({ message: "an idle worker left a job alone" }))
        })
      )
      taken.push(at - pushedAt)
    }
    yield* awaitSettled(batch)
    yield* verify(batch, increase(callsBefore, yield* awsCalls), contestant.place)
    yield* worker.stop
    const figure = (name: string, share: number, bar: number) =>
      ofOnce(`LPUSH to IAM request, ${name}`, percentile(taken, share), {
        digits: 2,
        unit: " ms",
        bar: atMost(bar, " ms"),
        remark: `of ${taken.length} jobs`
      })
    return { figures: [figure("p50", 0.5, 2), figure("p99", 0.99, 10)] }
  }, Effect.scoped)
}
