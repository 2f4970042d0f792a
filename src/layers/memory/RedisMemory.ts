import { Deferred, type Duration, Effect, Layer, Option } from "effect"
import { type ListEnd, Redis, type Scored } from "../../services/Redis.ts"

/** Members are bytes, which latin1 keeps one by one; Redis orders equal scores by them. */
const nameOf = (member: Uint8Array) => Buffer.from(member).toString("latin1")

/** `Redis` in this process's memory: the same lists and sorted sets, and blocking that waits on the Effect clock. Nothing survives it. */
export const RedisMemory = Layer.sync(Redis, () => {
  const lists = new Map<string, Array<Uint8Array>>()
  const sets = new Map<string, Map<string, number>>()
  const names = new Map<string, Set<string>>()
  let pushed = Deferred.makeUnsafe<void>()

  const read = (key: string): ReadonlyArray<Uint8Array> => lists.get(key) ?? []

  const write = (key: string, list: Array<Uint8Array>) => {
    // As in Redis, an empty list is no list.
    if (list.length === 0) lists.delete(key)
    else lists.set(key, list)
  }

  const push = (key: string, end: ListEnd, value: Uint8Array) => {
    write(key, end === "left" ? [value, ...read(key)] : [...read(key), value])
    Deferred.doneUnsafe(pushed, Effect.void)
    pushed = Deferred.makeUnsafe()
  }

  const remove = (key: string, value: Uint8Array) => {
    const index = read(key).findIndex((element) => Buffer.from(element).equals(value))
    if (index >= 0) write(key, read(key).toSpliced(index, 1))
  }

  const setScore = (key: string, member: Uint8Array, score: number) =>
    sets.set(key, new Map(sets.get(key)).set(nameOf(member), score))
  const scored = (key: string): ReadonlyArray<Scored> =>
    Array.from(sets.get(key) ?? [])
      .toSorted(([a, first], [b, second]) => first - second || (a < b ? -1 : 1))
      .map(([name, score]) => ({ member: Buffer.from(name, "latin1"), score }))
  const removeMember = (key: string, member: Uint8Array) => sets.get(key)?.delete(nameOf(member))

  const pop = (key: string) =>
    Effect.sync(() => {
      const value = read(key).at(-1)
      if (value !== undefined) write(key, read(key).slice(0, -1))
      return Option.fromUndefinedOr(value)
    })

  const popWait = (key: string, timeout: Duration.Duration): Effect.Effect<Option.Option<Uint8Array>> =>
    Effect.flatMap(pop(key), (popped) =>
      Option.isSome(popped)
        ? Effect.succeed(popped)
        : // Interruptible wherever it is called, since nothing can be lost while it waits.
          Effect.suspend(() => Deferred.await(pushed)).pipe(
            Effect.timeoutOption(timeout),
            Effect.interruptible,
            Effect.flatMap((woken) => (Option.isSome(woken) ? popWait(key, timeout) : Effect.succeedNone))
          )
    )

  return Redis.of({
    moveLastWait: (source, destination, timeout) =>
      Effect.tap(popWait(source, timeout), (popped) =>
        Effect.sync(() => {
          if (Option.isSome(popped)) push(destination, "left", popped.value)
        })
      ),
    moveLast: (source, destination, most) =>
      Effect.sync(() => {
        const moved = read(source).slice(-most).toReversed()
        write(source, read(source).slice(0, -most))
        for (const payload of moved) push(destination, "left", payload)
        return moved
      }),
    popLastWait: popWait,
    push: (key, end, value) => Effect.sync(() => push(key, end, value)),
    removeFirst: (key, value) => Effect.sync(() => remove(key, value)),
    transfer: (source, destination, end, value) =>
      Effect.sync(() => {
        remove(source, value)
        push(destination, end, value)
      }),
    transferToSet: (source, destination, score, value) =>
      Effect.sync(() => {
        remove(source, value)
        setScore(destination, value, score)
      }),
    transferFromSet: (source, destination, value) =>
      Effect.sync(() => {
        removeMember(source, value)
        push(destination, "right", value)
      }),
    list: (key, count) => Effect.sync(() => (count === undefined ? read(key) : read(key).slice(-count))),
    page: (key, offset, count) => Effect.sync(() => read(key).slice(offset, offset + count)),
    setScore: (key, member, score) => Effect.sync(() => void setScore(key, member, score)),
    removeMember: (key, member) => Effect.sync(() => void removeMember(key, member)),
    lowest: (key, max, limit) =>
      Effect.sync(() =>
        scored(key)
          .filter(({ score }) => score <= max)
          .slice(0, limit)
          .map(({ member }) => member)
      ),
    scores: (key, limit) => Effect.sync(() => scored(key).slice(0, limit)),
    transferAndNote: (source, destination, values, set, member) =>
      Effect.sync(() => {
        for (const value of values) {
          remove(source, value)
          push(destination, "left", value)
        }
        names.set(set, new Set(names.get(set)).add(member))
      }),
    someOf: (set, most) => Effect.sync(() => Array.from(names.get(set) ?? []).slice(0, most)),
    note: (set, member) => Effect.sync(() => void names.set(set, new Set(names.get(set)).add(member))),
    forget: (set, member) => Effect.sync(() => void names.get(set)?.delete(member)),
    delete: (key) => Effect.sync(() => void (lists.delete(key), sets.delete(key), names.delete(key))),
    length: (key) => Effect.sync(() => read(key).length),
    last: (key) => Effect.sync(() => Option.fromUndefinedOr(read(key).at(-1))),
    ping: Effect.void
  })
})
