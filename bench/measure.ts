import { Effect, FileSystem } from "effect"
import { BenchFailure } from "./BenchFailure.ts"

/** Milliseconds of a tick in /proc: USER_HZ is 100 on every Linux that Node.js runs on. See proc_pid_stat(5). */
const tick = 10

/** CPU time that a process has used so far, all its threads, user and system, in milliseconds. Linux only. */
export const cpuOf = Effect.fnUntraced(function* (pid: number) {
  const files = yield* FileSystem.FileSystem
  const stat = yield* files.readFileString(`/proc/${pid}/stat`)
  // The name, which is the second field, may hold blanks and brackets; after it follows the third.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * tick
})

/** Memory of a process in megabytes (10⁶ bytes): resident now, and at most so far. Linux only. */
export const memoryOf = Effect.fnUntraced(function* (pid: number) {
  const files = yield* FileSystem.FileSystem
  const status = yield* files.readFileString(`/proc/${pid}/status`)
  const megabytes = (name: string) => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]
    return kibibytes === undefined
      ? Effect.fail(new BenchFailure({ message: `/proc/${pid}/status has no ${name}` }))
      : Effect.succeed((Number(kibibytes) * 1024) / 1e6)
  }
  return { resident: yield* megabytes("VmRSS"), peak: yield* megabytes("VmHWM") }
})

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Of at least one number. */
export const spreadOf = (numbers: ReadonlyArray<number>): Spread => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) }
}

/** The value that a share of the numbers stays at or below. */
export const percentile = (numbers: ReadonlyArray<number>, share: number): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
