import { assert, describe, it } from "@effect/vitest"
import { Share } from "../../src/domain/Share.ts"

/** What AWS does: a bucket of one second's worth of calls, filled at `limit` a second. */
const bucketOf = (limit: number) => {
  let [tokens, at] = [limit, 0]
  return (now: number) => {
    tokens = Math.min(limit, tokens + ((now - at) / 1_000) * limit)
    at = now
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}

/** `lanes` jobs that call as fast as they may, each call taking `latency` milliseconds; what was carried out and what was throttled. */
const simulate = (limit: number, { lanes = 8, latency = 0, seconds = 60 } = {}) => {
  const allows = bucketOf(limit)
  const share = new Share(lanes, 0)
  const calls = { carriedOut: 0, throttled: 0 }
  let turnFreeAt = 0
  const events = Array.from({ length: lanes }, () => 0)
  for (;;) {
    events.sort((a, b) => a - b)
    const now = events.shift() ?? Number.POSITIVE_INFINITY
    if (now > seconds * 1_000) return calls
    // Those that wait for their turn wait in line, and only the first one takes it.
    const from = Math.max(now, turnFreeAt)
    const sentAt = from + share.takeTurn(from)
    if (share.isThrottled(from)) turnFreeAt = sentAt
    const answeredAt = sentAt + latency
    if (allows(sentAt)) {
      calls.carriedOut++
      share.succeeded(answeredAt)
    } else {
      calls.throttled++
      share.wasThrottled(answeredAt, sentAt, 0)
    }
    events.push(Math.max(answeredAt, now + 1))
  }
}

describe("an account's share", () => {
  it.each([
    [5, 0, 0.95, 0.05],
    [5, 100, 0.95, 0.05],
    [20, 100, 0.95, 0.05],
    [50, 50, 0.95, 0.05]
  ])("finds a limit of %s calls a second at a latency of %s ms, and keeps to it", (limit, latency, least, most) => {
    const { carriedOut, throttled } = simulate(limit, { latency })
    const goodput = carriedOut / 60 / limit
    const wasted = throttled / (carriedOut + throttled)
    assert.isAtLeast(goodput, least)
    assert.isAtMost(wasted, most)
  })

  it("has no pace and all places while nothing is throttled", () => {
    const share = new Share(8, 0)
    for (let now = 0; now < 10_000; now += 10) {
      assert.strictEqual(share.takeTurn(now), 0)
      share.succeeded(now)
    }
    assert.deepStrictEqual([share.places, share.isThrottled(10_000)], [8, false])
  })

  it("waits as long as AWS asks", () => {
    const share = new Share(8, 0)
    share.wasThrottled(1_000, 1_000, 7_000)
    assert.deepStrictEqual([share.mustWait(7_999), share.mustWait(8_000)], [true, false])
    assert.strictEqual(share.takeTurn(1_000), 7_000)
  })

  it("takes one throttling for all calls that were on their way together", () => {
    const [one, many] = [new Share(8, 0), new Share(8, 0)]
    for (const share of [one, many]) share.succeeded(500)
    one.wasThrottled(1_000, 900, 0)
    for (let number = 0; number < 8; number++) many.wasThrottled(1_000 + number, 900, 0)
    assert.strictEqual(many.takeTurn(1_010), one.takeTurn(1_010))
    assert.strictEqual(many.places, one.places)
  })

  it("slows down to nine tenths of what was carried out, by half at once at most, and keeps jobs for half a second", () => {
    const share = new Share(64, 0)
    for (let now = 0; now < 1_000; now += 25) share.succeeded(now)
    share.wasThrottled(1_000, 990, 0)
    assert.deepStrictEqual([share.pace(1_000), share.places], [36, 19])
    for (let now = 1_100; now < 2_000; now += 100) share.succeeded(now)
    share.wasThrottled(2_000, 1_990, 0)
    assert.closeTo(share.pace(2_000) ?? 0, 16.6, 0.1)
  })

  it("counts what was carried out lately", () => {
    const share = new Share(8, 0)
    for (let now = 0; now < 60_000; now += 100) share.succeeded(now)
    for (let now = 60_000; now < 68_000; now += 10) share.succeeded(now)
    share.wasThrottled(68_000, 67_990, 0)
    assert.isAbove(share.pace(68_000) ?? 0, 60)
  })

  it("never goes slower than three calls a second, and keeps its pace while nothing is carried out", () => {
    const share = new Share(8, 0)
    for (let now = 1_000; now <= 5_000; now += 1_000) {
      share.succeeded(now)
      share.wasThrottled(now, now, 0)
    }
    assert.strictEqual(share.pace(5_000), 3)
    assert.strictEqual(share.places, 3)
    share.wasThrottled(6_000, 6_000, 0)
    share.wasThrottled(7_000, 7_000, 0)
    assert.strictEqual(share.pace(7_000), 3)
    assert.strictEqual(share.places, 2)
  })

  it("is free again a minute after the last throttling", () => {
    const share = new Share(8, 0)
    share.succeeded(0)
    share.wasThrottled(0, 0, 0)
    assert.isTrue(share.isThrottled(59_999))
    assert.isFalse(share.isThrottled(60_000))
    assert.isFalse(share.mustWait(60_000))
    assert.isFalse(share.isForgettable(119_999))
    assert.isTrue(share.isForgettable(120_000))
    share.inFlight = 1
    assert.isFalse(share.isForgettable(120_000))
  })

  it("is forgotten a minute after it was made, if nobody calls", () => {
    const share = new Share(8, 1_000)
    assert.deepStrictEqual([share.isForgettable(60_999), share.isForgettable(61_000)], [false, true])
  })

  it("shrinks by half with each call that goes unanswered, to one place, and grows back with those that are answered", () => {
    const share = new Share(8, 0)
    const places: Array<number> = []
    for (let number = 0; number < 4; number++) {
      share.wentUnanswered()
      places.push(share.places)
    }
    assert.deepStrictEqual(places, [4, 2, 1, 1])
    const grown = Array.from({ length: 4 }, (_, number) => {
      share.succeeded(number)
      return share.places
    })
    assert.deepStrictEqual(grown, [2, 2, 2, 3])
    for (let number = 4; number < 100; number++) share.succeeded(number)
    assert.strictEqual(share.places, 8)
    share.wentUnanswered()
    assert.strictEqual(share.places, 4)
  })
})
