import { assert, describe, it } from "@effect/vitest"
import { problemsOf } from "../../src/dashboard/page/problems.ts"
import type { Failure, MinuteOutcomes } from "../../src/domain/History.ts"
import type { Overview, QueueView } from "../../src/domain/Overview.ts"

const now = 1_800_000_000_000
const minute = 60_000

const minutes = (last: Partial<MinuteOutcomes> = {}): ReadonlyArray<MinuteOutcomes> =>
  Array.from({ length: 60 }, (_, index) => ({
    minute: now - (59 - index) * minute,
    succeeded: 1,
    failed: 0,
    requeued: 0,
    recovered: 0,
    ...(index === 59 && last)
  }))

const failure = (reason: string): Failure => ({
  auditId: "1",
  failedAt: now,
  reason,
  correlationId: "",
  status: "FAILED",
  requestedAt: now,
  updatedAt: now,
  accountId: "123456789012",
  principal: "alice",
  principalType: "User",
  action: "add",
  entitlement: "ReadOnlyAccess"
})

const queue: QueueView = {
  depth: 3,
  oldestReceivedAt: now - 4 * minute,
  delayed: 0,
  deadLetters: 0,
  parked: [],
  pauses: [],
  workers: [{ workerId: "w-1", aliveUntil: now + minute, held: 3 }]
}

const well: Overview = {
  now,
  replica: { workerId: "w-1", phase: "running", fetchFault: null, credentialsFault: null },
  queue: { value: queue },
  inFlight: { value: [] },
  history: { value: { minutes: minutes(), failures: [] } },
  throttled: []
}

const of = (changes: Partial<Overview>) =>
  problemsOf({ ...well, ...changes }).map(({ remedy, severity, text }) => `${severity}: ${text}. ${remedy}`)

describe("what is wrong", () => {
  it("is nothing where all is well", () => {
    assert.deepStrictEqual(of({}), [])
  })

  it.each([
    [{ replica: { ...well.replica, credentialsFault: "SignatureDoesNotMatch" } }, /^error: AWS refuses .*Signature/],
    [{ replica: { ...well.replica, fetchFault: "NOPERM" } }, /^error: Jobs cannot be taken from Redis: NOPERM/],
    [{ replica: { ...well.replica, phase: "stopped" } }, /^error: The fetch loop of w-1 has stopped/],
    [{ replica: { ...well.replica, phase: "draining" } }, /^note: w-1 is draining/],
    [{ queue: { problem: "refused" } }, /^error: Redis cannot be read. refused/],
    [{ history: { problem: "away" } }, /^error: PostgreSQL cannot be read. away/],
    [{ inFlight: { problem: "away" } }, /^error: PostgreSQL cannot be read. away/],
    [{ queue: { value: { ...queue, oldestReceivedAt: now - 6 * minute } } }, /^warning: The next job .* 6 min/],
    [{ queue: { value: { ...queue, deadLetters: 2 } } }, /^note: 2 dead letters/],
    [
      { queue: { value: { ...queue, workers: [{ workerId: "w-9", aliveUntil: now - 5 * minute, held: 1 }] } } },
      /^warning: w-9 was lost 5 min ago and still holds 1 job/
    ],
    [
      { queue: { value: { ...queue, pauses: [{ scope: "all", by: "ann", why: "OPS-1", at: now - 2 * minute }] } } },
      /^warning: All jobs are paused by ann for 2 min\. OPS-1\. The command “resume” ends it/
    ],
    [{ throttled: [{ accountId: "1", callsPerSecond: 3 }] }, /^note: AWS throttles 1 account\./]
  ] satisfies ReadonlyArray<readonly [Partial<Overview>, RegExp]>)("%j", (changes, expected) => {
    const problems = of(changes)
    assert.lengthOf(problems, 1)
    assert.match(problems[0] ?? "", expected)
  })

  it("is that many failed lately, and what for", () => {
    const failures = [failure("NoSuchEntity: x"), failure("AccessDenied: y"), failure("AccessDenied: z")]
    const history = (failed: number) => ({ value: { minutes: minutes({ failed }), failures } })
    assert.match(of({ history: history(5) })[0] ?? "", /^warning: 5 requests of 20 failed .* often: AccessDenied/)
    assert.deepStrictEqual(of({ history: history(4) }), [], "few")
    const busy = minutes({ failed: 5, succeeded: 100 })
    assert.deepStrictEqual(of({ history: { value: { minutes: busy, failures } } }), [], "a small part")
  })

  it("is not that a worker has gone, while what it held may still be on its way back", () => {
    const workers = (aliveUntil: number, held: number) => ({
      value: { ...queue, workers: [{ workerId: "w-9", aliveUntil, held }] }
    })
    assert.deepStrictEqual(of({ queue: workers(now - minute, 1) }), [])
    assert.deepStrictEqual(of({ queue: workers(now - 5 * minute, 0) }), [])
  })

  it("begins with the worst", () => {
    const problems = of({ throttled: [{ accountId: "1", callsPerSecond: 3 }], queue: { problem: "refused" } })
    assert.deepStrictEqual(
      problems.map((it) => it.split(":")[0]),
      ["error", "note"]
    )
  })
})
