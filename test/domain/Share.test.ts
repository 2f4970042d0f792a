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
    assert.strictEqual(share.takeTurn(1_000), 7_000)
  })

  it("takes one throttling for all calls that were on their way together", () => {
    const [one, many] = [new Share(8, 0), new Share(8, 0)]
    for (const share of [one, many]) share.succeeded(500)
    one.wasThrottled(1_000, 900, 0)
    for (let number = 0; number < 8; number++) many.wasThrottled(1_000 + number, 900, 0)
    assert.strictEqual(many.takeTurn(1_010), one.takeTurn(1_010))
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
  })

  it("shrinks by half with each call that goes unanswered, to one place, and grows back with those that are answered", () => {
    const share = new Share(8, 0)
    const places: Array<number> = []
    for (let number = 0; number < 4; number++) {
      share.wentUnanswered()
      places.push(share.places)
    }
    assert.deepStrictEqual(places, [4, 2, 1, 1])
    for (let number = 0; number < 50; number++) share.succeeded(number)
    assert.strictEqual(share.places, 8)
  })
})
