/** Draws an integer from 0 up to the limit. */
export type Numbers = (limit: number) => number

/** The same numbers for the same seed: mulberry32, https://github.com/bryc/code/blob/master/jshash/PRNGs.md#mulberry32 */
export const numbersOf = (seed: number): Numbers => {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit)
  }
}
