import { arch, availableParallelism, cpus, loadavg, release } from "node:os"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { type Plan, warmUpJobs } from "./plan.ts"
import { onRedis } from "./redis.ts"

/** Where the numbers come from, and how they were taken. */
export const describeRun = Effect.fnUntraced(function* (plan: Plan) {
  const sql = yield* SqlClient.SqlClient
  const [postgres] = yield* sql<{ readonly version: string; readonly fsync: string; readonly commits: string }>`
    SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
      current_setting('synchronous_commit') AS commits`
  const redis = /^redis_version:(\S+)/m.exec(yield* onRedis((client) => client.info("server")))?.[1]
  const load = loadavg().map((value) => value.toFixed(1))
  return [
    `machine: ${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? "?"}, Linux ${release()} ${arch()}, load ${load.join(" ")}`,
    `servers: Node.js ${process.version}, PostgreSQL ${postgres?.version} (fsync ${postgres?.fsync}, synchronous_commit ${postgres?.commits}), Redis ${redis}, local AWS in its own process, all on 127.0.0.1 and this machine's cores`,
    `method:  rounds by turns, each with fresh processes, ${warmUpJobs} jobs to warm up and ${plan.jobs} measured; ${plan.accounts} accounts, ${plan.concurrency} jobs or calls in flight, unless a section says otherwise; CPU is user + system of the process, idle to idle; delivery checked after every batch`
  ].join("\n")
})
