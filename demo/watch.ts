import { Effect, Schedule, Stdio, Terminal } from "effect"
import { SqlClient } from "effect/sql"
import { Redis } from "../src/services/Redis.ts"
import { deadLetters, processing, queue } from "./keys.ts"

/** How long the jobs may take; those that are not done by then show up as not as expected. */
const patience = "60 seconds"

/** Where everything stands now. */
const look = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const redis = yield* Redis
  const waiting = yield* redis.length(queue)
  const held = yield* redis.length(processing)
  const dead = yield* redis.length(deadLetters)
  const rows = yield* sql<{ readonly status: string; readonly count: number }>`
    SELECT status::text AS status, count(*)::int AS count FROM csb_requests GROUP BY status`
  const count = (status: string) => rows.find((row) => row.status === status)?.count ?? 0
  return {
    waiting,
    held,
    dead,
    succeeded: count("SUCCESS"),
    failed: count("FAILED"),
    unfinished: count("PENDING") + count("IN_PROGRESS")
  }
})

/** Waits until no job that was submitted is on its way any more. */
export const awaitDone = look.pipe(
  Effect.repeat({
    until: ({ held, unfinished, waiting }) => held + unfinished + waiting === 0,
    schedule: Schedule.spaced("50 millis")
  }),
  Effect.timeoutOption(patience)
)

const line = Effect.map(
  look,
  ({ dead, failed, held, succeeded, waiting }) =>
    `  ${pad(succeeded)} SUCCESS  ${pad(failed)} FAILED  ${pad(dead)} dead letters  |  ${pad(waiting)} waiting  ${pad(held)} in flight`
)

const pad = (count: number) => String(count).padStart(3)

/** Shows how the work goes: one line that changes on a terminal, else a line now and then. */
export const watch = Effect.fnUntraced(function* <A, E, R>(work: Effect.Effect<A, E, R>) {
  const { display } = yield* Terminal.Terminal
  const live = yield* Effect.flatMap(Stdio.Stdio, (stdio) => stdio.stdoutIsTerminal)
  const show = Effect.flatMap(line, (text) => display(live ? `\r${text}` : `${text}\n`))
  const showing = Effect.andThen(Effect.repeat(show, Schedule.spaced(live ? "100 millis" : "2 seconds")), Effect.never)
  const result = yield* Effect.raceFirst(work, showing)
  yield* show
  if (live) yield* display("\n")
  return result
})
