import { DateTime, Duration, Option } from "effect"

const forging = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const escape = (character: string) =>
  Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
    .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
    .join("")

/** A line of words from a payload, a row or AWS: characters that would steer the terminal, or forge what it shows, are written out. */
export const plain = (text: string): string => text.replaceAll("\n", "\\n").replaceAll(forging, escape)

/** For scripts. Safe on a terminal, too. */
export const json = (value: unknown): string => JSON.stringify(value, null, 2).replaceAll(forging, escape)

/** For scripts that read line by line. */
export const line = (value: unknown): string => JSON.stringify(value).replaceAll(forging, escape)

/** `250 ms`, `1.2 s`, `3m 12s`, `2h 5m`, `3d 4h`: no more than is of interest. */
export const span = (millis: number): string => {
  if (millis < 0) return `-${span(-millis)}`
  if (millis < 1_000) return `${Math.round(millis)} ms`
  if (millis < 60_000) return `${(Math.floor(millis / 100) / 10).toFixed(1)} s`
  const { days, hours, minutes, seconds } = Duration.parts(Duration.millis(millis))
  if (days > 0) return `${days}d ${hours}h`
  return hours > 0 ? `${hours}h ${minutes}m` : `${minutes}m ${seconds}s`
}

/** Milliseconds from one time to another. */
export const between = (from: DateTime.Utc, to: DateTime.Utc): number =>
  DateTime.toEpochMillis(to) - DateTime.toEpochMillis(from)

export const isoOr = (otherwise: string, time: Option.Option<DateTime.Utc>): string =>
  Option.match(time, { onNone: () => otherwise, onSome: DateTime.formatIso })

export const isoOrNull = (time: Option.Option<DateTime.Utc>): string | null =>
  Option.getOrNull(Option.map(time, DateTime.formatIso))
