import { Deferred, type Duration, Effect, Layer, Option } from "effect"
import { type ListEnd, Redis } from "../../services/Redis.ts"

/** `Redis` in this process's memory: the same lists, and blocking that waits on the Effect clock. Nothing survives it. */
export const RedisMemory = Layer.sync(Redis, () => {
  const lists = new Map<string, Array<Uint8Array>>()
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
    popLastWait: popWait,
    push: (key, end, value) => Effect.sync(() => push(key, end, value)),
    removeFirst: (key, value) => Effect.sync(() => remove(key, value)),
    transfer: (source, destination, end, value) =>
      Effect.sync(() => {
        remove(source, value)
        push(destination, end, value)
      }),
    list: (key) => Effect.sync(() => read(key)),
    delete: (key) => Effect.sync(() => void lists.delete(key)),
    length: (key) => Effect.sync(() => read(key).length),
    last: (key) => Effect.sync(() => Option.fromUndefinedOr(read(key).at(-1))),
    ping: Effect.void
  })
})
