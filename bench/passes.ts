import { Effect } from "effect"
import { awsCalls, type Counts, increase, redisCommands } from "./counters.ts"
import { awaitSettled, release, stage } from "./jobs.ts"
import { memoryOf, type Spread, spreadOf } from "./measure.ts"
import type { Plan } from "./plan.ts"
import { carryOut, type Sample, sampleLimit, sampleWorker, warmWorker } from "./sample.ts"
import { Servers } from "./servers.ts"
import { countStatements } from "./StatementCounter.ts"
import { verify } from "./verify.ts"
import { startWorker } from "./worker.ts"

/** Jobs of the pass that counts: counting is exact, so a few will do. */
const countedJobs = 1_000

export interface Round {
  readonly worker: Sample
  readonly limit: Sample
}

/** The worker and the bare SDK by turns; who comes first changes with each round. */
export const alternate = Effect.fnUntraced(function* (plan: Plan, onRound: (round: Round) => Effect.Effect<void>) {
  const rounds: Array<Round> = []
  for (let number = 1; number <= plan.rounds; number++) {
    const worker = sampleWorker(`round${number}`, plan)
    const limit = sampleLimit(`limit${number}`, plan)
    const round = yield* number % 2 === 1
      ? Effect.all({ worker, limit })
      : Effect.map(Effect.all({ limit, worker }), (both): Round => both)
    rounds.push(round)
    yield* onRound(round)
  }
  return rounds
})

export interface Traffic {
  readonly jobs: number
  readonly statements: number
  readonly redis: Counts
  readonly aws: Counts
}

/** What a job asks of the servers. Start-up and warm-up are not in it. */
export const countTraffic = Effect.fnUntraced(function* (plan: Plan) {
  const { postgres } = yield* Servers
  const door = yield* countStatements(postgres)
  const worker = yield* warmWorker("traffic", plan, door.port)
  const batch = { name: "traffic", jobs: countedJobs }
  yield* stage(batch, plan.accounts)

  const before = { statements: yield* door.statements, redis: yield* redisCommands, aws: yield* awsCalls }
  yield* release
  yield* awaitSettled(batch)
  // The last jobs still have commands to send after their rows are settled; LREM and DEL are the last ones of each.
  yield* Effect.repeat(redisCommands, {
    until: (now) => {
      const { del = 0, lrem = 0 } = increase(before.redis, now)
      return lrem >= countedJobs && del >= countedJobs
    }
  }).pipe(
    // A worker that leaves them out is for the check below to find.
    Effect.timeoutOption("5 seconds")
  )
  const after = { statements: yield* door.statements, redis: yield* redisCommands, aws: yield* awsCalls }

  const { info: _info, rename: _rename, ...redis } = increase(before.redis, after.redis)
  const aws = increase(before.aws, after.aws)
  yield* verify(batch, aws)
  yield* worker.stop
  return { jobs: countedJobs, statements: after.statements - before.statements, redis, aws } satisfies Traffic
}, Effect.scoped)

/** Milliseconds from the spawn of a worker to the first 200 of `/ready`. */
export const timeStarts = Effect.fnUntraced(function* ({ concurrency, starts }: Plan) {
  const start = Effect.scoped(Effect.tap(startWorker({ concurrency }), (worker) => worker.stop))
  const workers = yield* Effect.replicateEffect(start, starts)
  return spreadOf(workers.map((worker) => worker.readyAfter)) satisfies Spread
})

/** Memory of a worker that has done many jobs. */
export const weigh = Effect.fnUntraced(function* ({ accounts, concurrency, memoryJobs }: Plan) {
  const worker = yield* startWorker({ concurrency })
  yield* carryOut(worker, { name: "memory", jobs: memoryJobs }, accounts)
  const memory = yield* memoryOf(worker.pid)
  yield* worker.stop
  return memory
}, Effect.scoped)
