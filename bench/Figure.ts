import type { Spread } from "./measure.ts"

/** What the project wants of a figure. */
export interface Bar {
  readonly text: string
  readonly isMetBy: (value: number) => boolean
}

/** A measured value, ready to be shown. */
export interface Figure {
  readonly name: string
  readonly median: string
  readonly range: string
  readonly bar: string
  /** `met`, `MISSED`, or nothing where there is no bar. */
  readonly verdict: string
}

export const atMost = (limit: number, unit = ""): Bar => ({
  text: `≤ ${limit}${unit}`,
  isMetBy: (value) => value <= limit
})

export const atLeast = (limit: number, unit = ""): Bar => ({
  text: `≥ ${limit}${unit}`,
  isMetBy: (value) => value >= limit
})

export const below = (limit: number, unit = ""): Bar => ({
  text: `< ${limit}${unit}`,
  isMetBy: (value) => value < limit
})

interface Shown {
  readonly digits: number
  readonly unit?: string
  readonly bar?: Bar
}

/** Of several rounds: their median is held against the bar, and their range tells what to think of it. */
export const ofRounds = (name: string, { max, median, min }: Spread, shown: Shown): Figure =>
  figure(name, median, `${digitsOf(min, shown)}..${digitsOf(max, shown)}`, shown)

/** Measured once. */
export const ofOnce = (name: string, value: number, shown: Shown & { readonly remark?: string }): Figure =>
  figure(name, value, shown.remark ?? "", shown)

const figure = (name: string, value: number, range: string, { bar, digits, unit = "" }: Shown): Figure => ({
  name,
  median: `${digitsOf(value, { digits })}${unit}`,
  range,
  bar: bar?.text ?? "",
  verdict: bar === undefined ? "" : bar.isMetBy(value) ? "met" : "MISSED"
})

const digitsOf = (value: number, { digits }: Pick<Shown, "digits">): string =>
  value === Number.POSITIVE_INFINITY ? "∞" : value.toFixed(digits)
