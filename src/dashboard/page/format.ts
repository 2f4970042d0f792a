const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** A span of milliseconds as people say it: `4 s`, `12 min`, `3 h`, `2 d`. */
export const span = (millis: number): string => {
  if (millis < minute) return `${Math.max(0, Math.floor(millis / second))} s`
  if (millis < hour) return `${Math.floor(millis / minute)} min`
  if (millis < 2 * day) return `${Math.floor(millis / hour)} h`
  return `${Math.floor(millis / day)} d`
}

export const count = (number: number): string => number.toLocaleString("en")

/** `1 job`, `2 jobs`. */
export const plural = (number: number, one: string, many = `${one}s`): string =>
  `${count(number)} ${number === 1 ? one : many}`

const twoDigits = (number: number) => String(number).padStart(2, "0")

/** Hours and minutes where the reader is. */
export const clock = (time: number): string => {
  const date = new Date(time)
  return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`
}

/** The word that a reason begins with: an AWS error code, or one of the worker's own. */
export const codeOf = (reason: string): string => /^[\w.]+(?=:)/.exec(reason)?.[0] ?? "Other"
