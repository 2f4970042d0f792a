import { Console, Effect } from "effect"
import { type Spread, spreadOf } from "./measure.ts"

/** What each contender took in each round. */
export interface Rounds<Name extends string, A> {
  readonly of: (name: Name) => ReadonlyArray<A>
}

/** All contenders by turns, round after round; who comes first changes with each. Each round is a line on the terminal. */
export const alternate = Effect.fnUntraced(function* <Name extends string, A, E, R>(
  rounds: number,
  contenders: ReadonlyArray<readonly [name: Name, turn: (round: number) => Effect.Effect<A, E, R>]>,
  show: (taken: A) => string
) {
  const taken = new Map<Name, Array<A>>()
  for (let round = 1; round <= rounds; round++) {
    const first = (round - 1) % contenders.length
    const shown: Array<string> = []
    for (const [name, turn] of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const result = yield* turn(round)
      taken.set(name, [...(taken.get(name) ?? []), result])
      shown.push(`${name} ${show(result)}`)
    }
    yield* Console.log(`  ${shown.join("; ")}`)
  }
  return { of: (name) => taken.get(name) ?? [] } satisfies Rounds<Name, A>
})

/** Of each round, `a` by `b`. */
export const ratiosOf = <A>(a: ReadonlyArray<A>, b: ReadonlyArray<A>, value: (taken: A) => number): Spread =>
  spreadOf(
    a.flatMap((taken, round) => {
      const other = b[round]
      return other === undefined ? [] : [value(taken) / value(other)]
    })
  )
