import { Effect, Exit, Option, Request, RequestResolver, Semaphore } from "effect"
import type { SqlError } from "effect/sql/SqlError"

interface Asked<I, O> extends Request.Request<Option.Option<O>> {
  readonly input: I
}

/**
 * One statement for all that is asked while the one before is on its way: under load many share a roundtrip and a commit, and
 * what comes alone goes at once. What it leaves unanswered, because another transaction holds the row, the same row was asked for twice,
 * or the statement failed, is asked again alone, so that nobody waits for anybody else's row or suffers from another's fault.
 */
export const batched = Effect.fnUntraced(function* <I, O>(options: {
  readonly id: (input: I) => string
  /** Answers by id. */
  readonly together: (inputs: ReadonlyArray<I>) => Effect.Effect<ReadonlyMap<string, O>, SqlError>
  readonly alone: (input: I) => Effect.Effect<O, SqlError>
}) {
  const turn = yield* Semaphore.make(1)
  const ask = Request.of<Asked<I, O>>()
  const resolver = RequestResolver.make<Asked<I, O>>((entries) => {
    const first = new Map<string, Request.Entry<Asked<I, O>>>()
    for (const entry of entries) {
      const id = options.id(entry.request.input)
      if (!first.has(id)) first.set(id, entry)
    }
    return options.together(Array.from(first.values(), ({ request }) => request.input)).pipe(
      Effect.orElseSucceed(() => new Map<string, O>()),
      Effect.map((answers) => {
        for (const entry of entries) {
          const id = options.id(entry.request.input)
          const answer = first.get(id) === entry ? Option.fromUndefinedOr(answers.get(id)) : Option.none<O>()
          entry.completeUnsafe(Exit.succeed(answer))
        }
      }),
      Effect.ensuring(Semaphore.release(turn, 1))
    )
  }).pipe(RequestResolver.setDelayEffect(Effect.asVoid(Semaphore.take(turn, 1))))

  return (input: I) =>
    Effect.flatMap(
      // If it were interrupted between its turn and its statement, it would keep the turn.
      Effect.uninterruptible(Effect.request(ask({ input }), resolver)),
      Option.match({ onNone: () => options.alone(input), onSome: (answer) => Effect.succeed(answer) })
    )
})
