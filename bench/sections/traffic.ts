import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { worker as contestant } from "../contestants/worker.ts"
import { awsCalls, type Counts, increase, redisCommands, total } from "../counters.ts"
import { atMost, ofOnce } from "../Figure.ts"
import { awaitSettled, writeRows } from "../jobs.ts"
import { warmUpJobs } from "../plan.ts"
import { carryOut } from "../sample.ts"
import type { Section } from "../Section.ts"
import { Servers } from "../servers.ts"
import { countStatements } from "../StatementCounter.ts"
import { verify } from "../verify.ts"
import { startWorker } from "../worker.ts"

/** Jobs of the pass that counts: counting is exact, so a few will do. */
const jobs = 1_000

/** What a job asks of the servers. Start-up and warm-up are not in it. */
export const traffic: Section = {
  name: "traffic",
  title: "What a job asks of the servers",
  measure: Effect.fnUntraced(function* ({ accounts, concurrency }) {
    const { place } = contestant
    const { postgres } = yield* Servers
    const door = yield* countStatements(postgres)
    const worker = yield* startWorker({ concurrency, databasePort: door.port })
    yield* carryOut(contestant, [worker], { name: "traffic-warm", jobs: warmUpJobs }, accounts)
    const batch = { name: "traffic", jobs }
    yield* place.stage(yield* writeRows(batch, accounts))

    const before = {
      wal: yield* walWritten,
      statements: yield* door.statements,
      redis: yield* redisCommands,
      aws: yield* awsCalls
    }
    yield* place.release(batch)
    yield* awaitSettled(batch)
    yield* awaitLastCommands(before.redis)
    const statements = (yield* door.statements) - before.statements
    const wal = (yield* walWritten) - before.wal
    const { info: _info, rename: _rename, ...redis } = increase(before.redis, yield* redisCommands)
    const aws = increase(before.aws, yield* awsCalls)
    yield* verify(batch, aws, place)
    yield* worker.stop
    // A probe, a sweep or a look at what is delayed comes by the clock and belongs to no job, which one digit does not show.
    const perJob = (count: number) => Number((count / jobs).toFixed(1))
    return {
      figures: [
        ofOnce("SQL statements per job", perJob(statements), {
          digits: 1,
          bar: atMost(2),
          remark: `exactly ${(statements / jobs).toFixed(3)}`
        }),
        ofOnce("Redis commands per job", perJob(total(redis)), { digits: 1, bar: atMost(3), remark: shares(redis) }),
        ofOnce("AWS calls per job", total(aws) / jobs, {
          digits: 2,
          bar: atMost(Number((1 + accounts / jobs).toFixed(3))),
          remark: shares(aws)
        }),
        ofOnce("write-ahead log per job", wal / jobs / 1_000, { digits: 1, unit: " kB" })
      ]
    }
  }, Effect.scoped)
}

/** Bytes of PostgreSQL's write-ahead log so far: what a commit waits for, and what a standby is sent. */
const walWritten = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ readonly bytes: number }>`SELECT (pg_current_wal_lsn() - '0/0')::float8 AS bytes`
  return row?.bytes ?? Number.NaN
})

/** The last jobs still have commands to send after their rows are settled; LREM and DEL are the last ones of each. */
const awaitLastCommands = (before: Counts) =>
  Effect.repeat(redisCommands, {
    until: (now) => {
      const { del = 0, lrem = 0 } = increase(before, now)
      return lrem >= jobs && del >= jobs
    }
  }).pipe(
    // A worker that leaves them out, or does several with one, is for the check of what is left to find.
    Effect.timeoutOption("5 seconds")
  )

/** The few that every so many jobs need are left out. */
const shares = (counts: Counts): string =>
  Object.entries(counts)
    .filter(([, count]) => count / jobs >= 0.005)
    .map(([name, count]) => `${name} ${(count / jobs).toFixed(2)}`)
    .join(", ")
