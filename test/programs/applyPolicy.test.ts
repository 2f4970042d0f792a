import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Random, Ref, Result } from "effect"
import { TestClock } from "effect/testing"
import {
  AccessDenied,
  type AwsError,
  NoSuchEntity,
  ServiceUnavailable,
  SessionExpired,
  Throttling,
  Timeout
} from "../../src/domain/AwsError.ts"
import { type PolicyChange, policyChange } from "../../src/domain/PolicyChange.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { applyPolicy } from "../../src/programs/job/applyPolicy.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import { Leases } from "../../src/services/Leases.ts"
import { aClaim, aJob, alwaysAllowed, withWorker } from "../fixture.ts"

const failure = { code: "Code", message: "why", operation: "AttachUserPolicy" }
const throttled = new Throttling(failure)
const lost = new Timeout(failure)

const add = policyChange("aws", aJob())
const remove = policyChange("aws", aJob({ action: "remove" }))

/** Every draw of chance is this number. */
const always = (draw: number) =>
  Effect.provideService(Random.Random, {
    nextDoubleUnsafe: () => draw,
    nextIntUnsafe: () => assert.fail("no integer is drawn")
  })

/** The first call for a request, whose lease never ends. */
const apply = (change: PolicyChange) => applyPolicy(change, aClaim()).pipe(Effect.provideService(Leases, alwaysAllowed))

/** Lets every attempt fail with the errors in turn, and notes when each was made, in milliseconds. */
const attemptTimes = (errors: ReadonlyArray<AwsError>, draw: number) =>
  Effect.gen(function* () {
    const aws = yield* AwsIamControl
    const times = yield* Ref.make<ReadonlyArray<number>>([])
    aws.obstruct(
      ...errors.map((error) => ({
        when: "before" as const,
        effect: Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.andThen(
            Ref.update(times, (all) => [...all, now]),
            Effect.fail(error)
          )
        )
      }))
    )
    const working = yield* Effect.forkChild(Effect.exit(apply(add).pipe(always(draw))))
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.join(working)
    return yield* Ref.get(times)
  })

describe("retries", () => {
  it.effect.each([
    ["the whole of", 1, [0, 200, 600, 1_400, 3_000]],
    ["half of", 0.5, [0, 100, 300, 700, 1_500]],
    ["none of", 0, [0, 0, 0, 0, 0]]
  ] as const)("waits %s base·2ⁿ, five attempts in all", ([, draw, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* attemptTimes(
          Array.from({ length: 9 }, () => throttled),
          draw
        ),
        [...expected]
      )
    }).pipe(withWorker())
  )

  it.effect("never waits longer than RETRY_MAX_DELAY", () =>
    Effect.gen(function* () {
      const times = yield* attemptTimes(
        Array.from({ length: 9 }, () => throttled),
        1
      )
      assert.deepStrictEqual(times, [0, 200, 600, 1_100, 1_600])
    }).pipe(withWorker({ retryMaxDelay: Duration.millis(500) }))
  )

  it.effect("never comes before the time that the server asked for", () =>
    Effect.gen(function* () {
      const times = yield* attemptTimes(
        [
          new Throttling({ ...failure, retryAfter: 3_000 }),
          new ServiceUnavailable({ ...failure, retryAfter: 100 }),
          new ServiceUnavailable({ ...failure, retryAfter: 5_000 }),
          new AccessDenied(failure)
        ],
        1
      )
      assert.deepStrictEqual(times, [0, 3_000, 3_400, 8_400])
    }).pipe(withWorker())
  )

  it.effect.each([Throttling, ServiceUnavailable])("does not wait a day for a server that asks for it", (Class) =>
    Effect.gen(function* () {
      const times = yield* attemptTimes(
        [new Class({ ...failure, retryAfter: 86_400_000 }), new AccessDenied(failure)],
        1
      )
      assert.deepStrictEqual(times, [0, 60_000])
    }).pipe(withWorker())
  )

  it.effect("retries a session that IAM does not know yet", () =>
    Effect.gen(function* () {
      const times = yield* attemptTimes(
        [new SessionExpired(failure), new SessionExpired(failure), new AccessDenied(failure)],
        1
      )
      assert.deepStrictEqual(times, [0, 200, 600])
    }).pipe(withWorker())
  )

  it.effect("does not retry what is permanent", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* attemptTimes([new AccessDenied(failure)], 1), [0])
    }).pipe(withWorker())
  )

  it.effect("with one attempt, does not retry at all", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* attemptTimes([throttled, throttled], 1), [0])
    }).pipe(withWorker({ retryMaxAttempts: 1 }))
  )
})

describe("an answer that was lost", () => {
  const scenario = (change: typeof add, when: "before" | "after") =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      if (change.action === "remove") aws.attach(change)
      aws.obstruct({ when, effect: Effect.fail(lost) })
      const applied = yield* apply(change).pipe(always(0))
      return { effected: applied.effected, calls: aws.calls(), attachments: aws.attachments().length }
    }).pipe(withWorker())

  it.effect.each([
    ["add", add, 1, "AttachUserPolicy"],
    ["remove", remove, 0, "DetachUserPolicy"]
  ] as const)(
    "to %s: reads the attachments, and does not call again what AWS has done",
    ([, change, left, operation]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* scenario(change, "after"), {
          effected: "found so",
          calls: [operation, "ListAttachedUserPolicies"],
          attachments: left
        })
      })
  )

  it.effect.each([
    ["add", add, 1, "AttachUserPolicy"],
    ["remove", remove, 0, "DetachUserPolicy"]
  ] as const)("to %s: reads the attachments, and calls again when AWS has not", ([, change, left, operation]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* scenario(change, "before"), {
        effected: "applied",
        calls: [operation, "ListAttachedUserPolicies", operation],
        attachments: left
      })
    })
  )
})

describe("an answer that was lost, and then", () => {
  it.effect("a reading that fails for now: reads again, and does not call", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const iam = yield* AwsIam
      aws.obstruct({ when: "after", effect: Effect.fail(lost) })
      let reads = 0
      const isAttached: typeof iam.isAttached = (change) =>
        ++reads === 1 ? Effect.fail(throttled) : iam.isAttached(change)
      const applied = yield* apply(add).pipe(Effect.provideService(AwsIam, { ...iam, isAttached }), always(0))
      assert.strictEqual(applied.effected, "found so")
      assert.deepStrictEqual(aws.calls(), ["AttachUserPolicy", "ListAttachedUserPolicies"])
    }).pipe(withWorker())
  )

  it.effect("a call that is refused: fails with that", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const denied = new AccessDenied(failure)
      let attempts = 0
      const iam = yield* AwsIam
      const once: typeof iam.apply = () => Effect.suspend(() => Effect.fail(++attempts === 1 ? lost : denied))
      const refused = apply(add).pipe(Effect.provideService(AwsIam, { ...iam, apply: once }), always(0))
      assert.deepStrictEqual(yield* Effect.flip(refused), denied)
      // Before the second call, and after it: the first one may have come late.
      assert.deepStrictEqual(aws.calls(), ["ListAttachedUserPolicies", "ListAttachedUserPolicies"])
    }).pipe(withWorker())
  )
})

describe("an answer that was lost in the last attempt", () => {
  const lastAttempt = (when: "before" | "after") =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      aws.obstruct({ when, effect: Effect.fail(lost) })
      return yield* Effect.result(Effect.map(apply(add), ({ effected }) => effected))
    }).pipe(withWorker({ retryMaxAttempts: 1 }))

  it.effect("is a success all the same when AWS has acted", () =>
    Effect.map(lastAttempt("after"), (result) => assert.deepStrictEqual(result, Result.succeed("found so")))
  )

  it.effect("calls again when the attachments may not be read", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const iam = yield* AwsIam
      aws.obstruct({ when: "after", effect: Effect.fail(lost) })
      const blind = { ...iam, isAttached: () => Effect.fail(new AccessDenied(failure)) }
      const applied = yield* apply(add).pipe(Effect.provideService(AwsIam, blind), always(0))
      assert.strictEqual(applied.effected, "applied")
      assert.deepStrictEqual(aws.calls(), ["AttachUserPolicy", "AttachUserPolicy"])
    }).pipe(withWorker())
  )

  it.effect("stays in doubt when what comes after it is final, and the attachments may not be read", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const iam = yield* AwsIam
      for (const final of [new AccessDenied(failure), new SessionExpired(failure)]) {
        aws.obstruct({ when: "after", effect: Effect.fail(lost) }, { when: "before", effect: Effect.fail(final) })
        const blind = { ...iam, isAttached: () => Effect.fail(new AccessDenied(failure)) }
        const result = yield* Effect.result(apply(add).pipe(Effect.provideService(AwsIam, blind), always(0)))
        assert.deepStrictEqual(result, Result.fail(lost))
      }
    }).pipe(withWorker({ retryMaxAttempts: 2 }))
  )

  it.effect.each([1, 2])("is in doubt when the attachments cannot be read, in any of %s attempts", (retryMaxAttempts) =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const iam = yield* AwsIam
      aws.obstruct({ when: "after", effect: Effect.fail(lost) })
      const blind = { ...iam, isAttached: () => Effect.fail(throttled) }
      const failed = Effect.flip(apply(add).pipe(Effect.provideService(AwsIam, blind), always(0)))
      assert.deepStrictEqual(yield* failed, lost)
    }).pipe(withWorker({ retryMaxAttempts }))
  )

  it.effect("is a failure when AWS has not", () =>
    Effect.map(lastAttempt("before"), (result) => assert.deepStrictEqual(result, Result.fail(lost)))
  )
})

describe("NoSuchEntity", () => {
  it.effect("of a remove whose policy is not attached: already so", () =>
    Effect.gen(function* () {
      const applied = yield* apply(remove)
      assert.strictEqual(applied.effected, "already so")
      assert.deepStrictEqual((yield* AwsIamControl).calls(), ["DetachUserPolicy", "ListAttachedUserPolicies"])
    }).pipe(withWorker())
  )

  it.effect("of a remove whose policy is attached all the same: fails", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      aws.attach(remove)
      aws.obstruct({ when: "before", effect: Effect.fail(new NoSuchEntity(failure)) })
      assert.strictEqual((yield* Effect.flip(apply(remove)))._tag, "NoSuchEntity")
    }).pipe(withWorker())
  )

  it.effect("of an add: fails without reading", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      aws.obstruct({ when: "before", effect: Effect.fail(new NoSuchEntity(failure)) })
      assert.strictEqual((yield* Effect.flip(apply(add)))._tag, "NoSuchEntity")
      assert.deepStrictEqual(aws.calls(), ["AttachUserPolicy"])
    }).pipe(withWorker())
  )
})
