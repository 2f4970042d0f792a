import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, type Layer, Option } from "effect"
import { Redis } from "../../src/services/Redis.ts"
import { bytes } from "../fixture.ts"

const second = Duration.seconds(1)
const text = (value: Option.Option<Uint8Array>) => Option.map(value, (it) => Buffer.from(it).toString())

/** What every `Redis` does. Each test has keys of its own. `it.live`, since a real server keeps real time. */
export const redisContract = (name: string, layer: Layer.Layer<Redis, unknown>) =>
  describe(`Redis: ${name}`, () => {
    const test = (title: string, body: (key: (name: string) => string) => Effect.Effect<void, unknown, Redis>) =>
      it.live(title, () => {
        const prefix = randomUUID()
        return body((key) => `{${prefix}}:${key}`).pipe(Effect.provide(layer))
      })

    test("pushes at both ends and pops at the right", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        const list = key("list")
        yield* redis.push(list, "left", bytes("b"))
        yield* redis.push(list, "left", bytes("a"))
        yield* redis.push(list, "right", bytes("c"))
        assert.strictEqual(yield* redis.length(list), 3)
        assert.deepStrictEqual(text(yield* redis.last(list)), Option.some("c"))
        for (const expected of ["c", "b", "a"]) {
          assert.deepStrictEqual(text(yield* redis.popLastWait(list, second)), Option.some(expected))
        }
        assert.strictEqual(yield* redis.length(list), 0)
        assert.deepStrictEqual(yield* redis.last(list), Option.none())
      }))

    test("moves the last element to the left end of another list", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        yield* redis.push(key("from"), "left", bytes("first"))
        yield* redis.push(key("from"), "left", bytes("second"))
        yield* redis.push(key("to"), "left", bytes("there"))
        assert.deepStrictEqual(text(yield* redis.moveLastWait(key("from"), key("to"), second)), Option.some("first"))
        assert.strictEqual(yield* redis.length(key("from")), 1)
        assert.strictEqual(yield* redis.length(key("to")), 2)
        assert.deepStrictEqual(text(yield* redis.last(key("to"))), Option.some("there"))
      }))

    test("moves several elements in their order, as many as there are", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        for (const name of ["a", "b", "c"]) yield* redis.push(key("from"), "left", bytes(name))
        const names = (moved: ReadonlyArray<Uint8Array>) => moved.map((it) => Buffer.from(it).toString())
        assert.deepStrictEqual(names(yield* redis.moveLast(key("from"), key("to"), 2)), ["a", "b"])
        assert.deepStrictEqual(names(yield* redis.moveLast(key("from"), key("to"), 5)), ["c"])
        assert.deepStrictEqual(yield* redis.moveLast(key("from"), key("to"), 5), [])
        assert.deepStrictEqual(names(yield* redis.list(key("to"))), ["c", "b", "a"])
      }))

    test("moves elements and notes where they went", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        const [first, second] = [Uint8Array.of(0xff, 0), bytes("second")]
        yield* redis.push(key("from"), "left", first)
        yield* redis.push(key("from"), "left", second)
        yield* redis.transferAndNote(key("from"), key("to"), [first, second], key("noted"), "one")
        assert.strictEqual(yield* redis.length(key("from")), 0)
        assert.deepStrictEqual(
          (yield* redis.list(key("to"))).map((it) => [...it]),
          [[...second], [...first]]
        )
        yield* redis.note(key("noted"), "two")
        assert.sameMembers(Array.from(yield* redis.someOf(key("noted"), 5)), ["one", "two"])
        assert.strictEqual((yield* redis.someOf(key("noted"), 1)).length, 1)
        yield* redis.forget(key("noted"), "one")
        assert.deepStrictEqual(yield* redis.someOf(key("noted"), 5), ["two"])
        yield* redis.forget(key("noted"), "two")
        assert.deepStrictEqual(yield* redis.someOf(key("noted"), 5), [])
      }))

    test("waits in vain for an element, and says so", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        assert.deepStrictEqual(yield* redis.moveLastWait(key("a"), key("b"), second), Option.none())
        assert.deepStrictEqual(yield* redis.popLastWait(key("a"), second), Option.none())
      }))

    test("wakes up when an element comes", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        const waiting = yield* Effect.forkChild(redis.moveLastWait(key("a"), key("b"), Duration.seconds(20)))
        yield* Effect.yieldNow
        yield* redis.push(key("a"), "left", bytes("late"))
        assert.deepStrictEqual(text(yield* Fiber.join(waiting)), Option.some("late"))
        assert.strictEqual(yield* redis.length(key("b")), 1)
      }))

    test("keeps bytes that are no text", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        const payload = Uint8Array.from({ length: 256 }, (_, index) => index)
        yield* redis.push(key("raw"), "left", payload)
        const moved = yield* redis.moveLastWait(key("raw"), key("raw2"), second)
        assert.deepStrictEqual(
          Option.map(moved, (it) => [...it]),
          Option.some([...payload])
        )
        yield* redis.removeFirst(key("raw2"), payload)
        assert.strictEqual(yield* redis.length(key("raw2")), 0)
      }))

    test("removes one of several equal elements, the first from the left", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        for (const value of ["x", "y", "x"]) yield* redis.push(key("list"), "right", bytes(value))
        yield* redis.removeFirst(key("list"), bytes("x"))
        assert.deepStrictEqual(text(yield* redis.popLastWait(key("list"), second)), Option.some("x"))
        assert.deepStrictEqual(text(yield* redis.popLastWait(key("list"), second)), Option.some("y"))
        yield* redis.removeFirst(key("list"), bytes("gone"))
      }))

    for (const end of ["left", "right"] as const) {
      test(`transfers one element to the ${end} end`, (key) =>
        Effect.gen(function* () {
          const redis = yield* Redis
          for (const value of ["p", "q"]) yield* redis.push(key("from"), "right", bytes(value))
          yield* redis.push(key("to"), "right", bytes("middle"))
          yield* redis.transfer(key("from"), key("to"), end, bytes("p"))
          assert.strictEqual(yield* redis.length(key("from")), 1)
          const order = end === "left" ? ["middle", "p"] : ["p", "middle"]
          for (const expected of order) {
            assert.deepStrictEqual(text(yield* redis.popLastWait(key("to"), second)), Option.some(expected))
          }
        }))
    }

    test("carries a command out as often as it is run", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        const transfer = redis.transfer(key("from"), key("to"), "left", bytes("x"))
        yield* transfer
        yield* transfer
        const push = redis.push(key("to"), "left", bytes("y"))
        yield* Effect.andThen(push, push)
        assert.deepStrictEqual(
          (yield* redis.list(key("to"))).map((it) => Buffer.from(it).toString()),
          ["y", "y", "x", "x"]
        )
      }))

    test("lists what there is, from the left", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        assert.deepStrictEqual(yield* redis.list(key("none")), [])
        for (const value of ["a", "b"]) yield* redis.push(key("list"), "right", bytes(value))
        assert.deepStrictEqual(
          (yield* redis.list(key("list"))).map((it) => Buffer.from(it).toString()),
          ["a", "b"]
        )
      }))

    test("lists the last few, from the left", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        for (const value of ["a", "b", "c"]) yield* redis.push(key("list"), "right", bytes(value))
        for (const [count, expected] of [
          [2, "b,c"],
          [9, "a,b,c"]
        ] as const) {
          assert.strictEqual((yield* redis.list(key("list"), count)).map((it) => Buffer.from(it)).join(), expected)
        }
      }))

    test("lists a page, from the left", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        for (const value of ["a", "b", "c"]) yield* redis.push(key("list"), "right", bytes(value))
        for (const [offset, count, expected] of [
          [0, 2, "a,b"],
          [2, 2, "c"],
          [3, 2, ""]
        ] as const) {
          const page = yield* redis.page(key("list"), offset, count)
          assert.strictEqual(page.map((it) => Buffer.from(it)).join(), expected)
        }
      }))

    test("tells members with their scores, the lowest first", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        assert.deepStrictEqual(yield* redis.scores(key("set"), 10), [])
        for (const [member, score] of [
          ["late", 1_790_000_000_123],
          ["early", -0.5],
          ["last", 1_790_000_000_124]
        ] as const) {
          yield* redis.setScore(key("set"), bytes(member), score)
        }
        const found = (yield* redis.scores(key("set"), 2)).map(({ member, score }) => [
          Buffer.from(member).toString(),
          score
        ])
        assert.deepStrictEqual(found, [
          ["early", -0.5],
          ["late", 1_790_000_000_123]
        ])
      }))

    const lowest = (key: string, max: number, limit = 10) =>
      Effect.gen(function* () {
        return (yield* (yield* Redis).lowest(key, max, limit)).map((it) => Buffer.from(it).toString("latin1"))
      })

    test("keeps a member once, at its last score", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        const set = key("set")
        yield* redis.setScore(set, bytes("b"), 20)
        yield* redis.setScore(set, bytes("a"), 10)
        yield* redis.setScore(set, bytes("c"), 5)
        yield* redis.setScore(set, bytes("c"), 30.5)
        assert.deepStrictEqual(yield* lowest(set, 20), ["a", "b"])
        assert.deepStrictEqual(yield* lowest(set, 30.4), ["a", "b"])
        assert.deepStrictEqual(yield* lowest(set, Number.POSITIVE_INFINITY), ["a", "b", "c"])
        assert.deepStrictEqual(yield* lowest(set, Number.POSITIVE_INFINITY, 2), ["a", "b"])
        yield* redis.removeMember(set, bytes("a"))
        yield* redis.removeMember(set, bytes("gone"))
        assert.deepStrictEqual(yield* lowest(set, 100), ["b", "c"])
      }))

    test("orders members of one score by their bytes", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        for (const member of [[0xff], [0x00], [0x61, 0x00], [0x61]]) {
          yield* redis.setScore(key("set"), Uint8Array.from(member), 1)
        }
        assert.deepStrictEqual(yield* lowest(key("set"), 1), ["\u0000", "a", "a\u0000", "\u00ff"])
      }))

    test("moves between lists and sorted sets", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        for (const value of ["p", "q", "p"]) yield* redis.push(key("list"), "right", bytes(value))
        yield* redis.transferToSet(key("list"), key("set"), 7, bytes("p"))
        assert.strictEqual((yield* redis.list(key("list"))).map((it) => Buffer.from(it)).join(), "q,p")
        assert.deepStrictEqual(yield* lowest(key("set"), 7), ["p"])
        yield* redis.transferFromSet(key("set"), key("list"), bytes("p"))
        yield* redis.transferFromSet(key("set"), key("list"), bytes("gone"))
        assert.strictEqual((yield* redis.list(key("list"))).map((it) => Buffer.from(it)).join(), "q,p,p,gone")
        assert.deepStrictEqual(yield* lowest(key("set"), 7), [])
      }))

    test("transfers what is not there any more, too", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        yield* redis.transfer(key("from"), key("to"), "left", bytes("gone"))
        assert.strictEqual(yield* redis.length(key("to")), 1)
      }))

    test("deletes a key, and one that is not there", (key) =>
      Effect.gen(function* () {
        const redis = yield* Redis
        yield* redis.push(key("list"), "left", bytes("x"))
        yield* redis.delete(key("list"))
        yield* redis.delete(key("list"))
        assert.strictEqual(yield* redis.length(key("list")), 0)
      }))

    test("answers a ping", () => Effect.flatMap(Redis, (redis) => redis.ping))
  })
