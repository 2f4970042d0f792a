import { Clock, Effect, Option, Random } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { CredentialsInvalid, Timeout } from "../../src/domain/AwsError.ts"
import { operationOf, type PolicyChange } from "../../src/domain/PolicyChange.ts"
import { statusAfter } from "../../src/domain/Settlement.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { databaseAway } from "../fixture.ts"
import type { Kind, Process } from "./process.ts"
import { idIn, keys, type Shared } from "./shared.ts"

const redisError = new RedisError({ command: "?", reason: "Unavailable", message: "connection lost" })

/** Most calls are quick, and some take nearly as long as they may. */
const latency = Effect.flatMap(Random.nextIntBetween(0, 12), (it) => Effect.sleep(it > 9 ? 450 : it * 10))

/** The database, as this process reaches it. */
export const storeOf = (process: Process, { down, ledger, store }: Shared) => {
  const call = <A>(statement: Effect.Effect<A, SqlError>, kind: Kind = "change") =>
    process.call(
      kind,
      Effect.suspend(() => (down.database ? Effect.fail(databaseAway) : statement)),
      databaseAway
    )
  return JobStore.of({
    claim: (job, claimant, waiting) =>
      call(
        Effect.tap(store.claim(job, claimant, waiting), (found) =>
          Effect.sync(() => {
            if (Option.isSome(found) && found.value._tag === "Claimed") {
              ledger.claimed(found.value.claim, process.workerId)
            }
          })
        )
      ),
    settle: (claim, settlement) =>
      call(
        Effect.tap(store.settle(claim, settlement), (done) =>
          Effect.sync(() => done && ledger.settled(claim, statusAfter(settlement) !== "PENDING"))
        )
      ),
    recover: (lease, maxLosses) =>
      call(
        Effect.tap(store.recover(lease, maxLosses), (found) =>
          Effect.sync(() => {
            for (const it of Option.getOrElse(found, () => []))
              ledger.recovered(it.correlationId, it.status === "FAILED")
          })
        )
      ),
    endsAccess: store.endsAccess,
    noteBefore: (claim, attached) => call(store.noteBefore(claim, attached)),
    history: (claim) => call(store.history(claim), "look"),
    due: (before) => call(store.due(before)),
    heartbeat: (claims) => call(store.heartbeat(claims)),
    reject: (id, log) => call(store.reject(id, log)),
    standings: (ids) => call(store.standings(ids)),
    oldestOf: (ids) => call(store.oldestOf(ids)),
    orphans: (before) => call(store.orphans(before)),
    submit: (job, by) => call(store.submit(job, by)),
    retry: (id, log) => call(store.retry(id, log)),
    inFlight: call(store.inFlight, "look"),
    find: (id) => call(store.find(id), "look"),
    ping: call(store.ping, "look")
  })
}

export const redisOf = (process: Process, { checkPlaces, down, ledger, processes, redis }: Shared) => {
  const call = <A>(command: Effect.Effect<A, RedisError>, kind: Kind = "look") =>
    process.call(
      kind,
      Effect.suspend(() => (down.redis ? Effect.fail(redisError) : command)),
      redisError
    )
  const change = <A>(command: Effect.Effect<A, RedisError>) =>
    call(
      Effect.tap(command, () => checkPlaces),
      "change"
    )
  const transfer: typeof redis.transfer = Effect.fnUntraced(function* (source, destination, end, value) {
    const owner = processes.find((it) => it !== process && !it.isGone() && keys.processing(it.workerId) === source)
    const now = yield* Clock.currentTimeMillis
    const there = (yield* redis.list(source)).some((it) => Buffer.compare(it, value) === 0)
    if (owner !== undefined && there) ledger.takenFrom(owner.workerId, idIn(value), now)
    yield* redis.transfer(source, destination, end, value)
  })
  return Redis.of({
    moveLast: (source, destination, most) => call(redis.moveLast(source, destination, most), "take"),
    transferAndNote: (...args) => change(redis.transferAndNote(...args)),
    someOf: (set, most) =>
      call(
        Effect.tap(redis.someOf(set, most), (found) => (found.length === 0 ? Effect.sleep(400) : Effect.void)),
        "look"
      ),
    note: (set, member) => change(redis.note(set, member)),
    forget: (set, member) => change(redis.forget(set, member)),
    moveLastWait: (source, destination, timeout) => call(redis.moveLastWait(source, destination, timeout), "take"),
    popLastWait: (key, timeout) => call(redis.popLastWait(key, timeout), "take"),
    push: (key, end, value) => change(redis.push(key, end, value)),
    removeFirst: (key, value) => change(redis.removeFirst(key, value)),
    transfer: (source, destination, end, value) => change(transfer(source, destination, end, value)),
    transferToSet: (source, destination, score, value) =>
      change(redis.transferToSet(source, destination, score, value)),
    transferFromSet: (source, destination, value) => change(redis.transferFromSet(source, destination, value)),
    removeMember: (key, member) => change(redis.removeMember(key, member)),
    delete: (key) => change(redis.delete(key)),
    list: (key, count) => call(redis.list(key, count)),
    page: (key, offset, count) => call(redis.page(key, offset, count)),
    scores: (key, limit) => call(redis.scores(key, limit)),
    setScore: (key, member, score) =>
      call(
        Effect.tap(redis.setScore(key, member, score), () =>
          Effect.sync(() => key === keys.workers && ledger.announced(process.workerId, score - process.skewed()))
        )
      ),
    lowest: (key, max, limit) =>
      call(
        Effect.tap(redis.lowest(key, max, limit), (found) =>
          // Most cases would be spent with looking for delayed jobs and pauses where there are none.
          found.length === 0 && (key === keys.delayed || key === keys.paused) ? Effect.sleep(400) : Effect.void
        )
      ),
    length: (key) => call(redis.length(key)),
    last: (key) => call(redis.last(key)),
    ping: call(redis.ping)
  })
}

/** AWS, as this process reaches it: calls take time, and some meet trouble. */
export const iamOf = (process: Process, shared: Shared) => {
  const lost = (change: PolicyChange) =>
    new Timeout({ code: "ECONNRESET", message: "connection lost", operation: operationOf(change) })
  const refused = new CredentialsInvalid({ code: "", message: "connection lost", operation: "GetCallerIdentity" })
  return AwsIam.of({
    apply: (change) => {
      const met = shared.trouble(change)
      // Who hangs up in the middle of a call cannot tell whether it was carried out.
      const interrupted = Effect.flatMap(Random.nextBoolean, (sent) =>
        sent ? Effect.ignore(shared.carryOut(change, process)) : Effect.void
      )
      const sent = Effect.andThen(
        Effect.onInterrupt(latency, () => interrupted),
        shared.carryOut(change, process)
      )
      const answered =
        met === undefined ? sent : Effect.andThen(met.when === "after" ? sent : latency, Effect.fail(met.error))
      return process.call(
        "send",
        Effect.andThen(answered, (it) => Effect.as(latency, it)),
        lost(change)
      )
    },
    attachedTo: shared.iam.attachedTo,
    isAttached: (change) => process.call("send", Effect.andThen(latency, shared.iam.isAttached(change)), lost(change)),
    identity: process.call("send", shared.iam.identity, refused)
  })
}
