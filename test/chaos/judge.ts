import { Effect, Layer, Option, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { CallRecord } from "../../local/aws/CallLog.ts"
import { AuditTrailsSql } from "../../src/layers/postgres/AuditTrailsSql.ts"
import { verifyTrails } from "../../src/programs/verify/verifyTrails.ts"
import { payloadsLeft } from "./requests.ts"
import { Stage } from "./Stage.ts"

interface Row {
  readonly id: string
  readonly status: string
  readonly account: string
  readonly principal: string
  readonly action: string
  readonly finals: number
  readonly references: number
  readonly log: string
}

export interface Verdict {
  readonly jobs: number
  readonly lost: ReadonlyArray<string>
  readonly doubled: ReadonlyArray<string>
  readonly outOfOrder: ReadonlyArray<string>
  /** Audit trails that are not as they were written. */
  readonly broken: ReadonlyArray<string>
  /** Since three workers were lost with it, which is as it should be. */
  readonly workerLost: number
  readonly deadLetters: number
}

/** What AWS did, although it may not have said so. */
const carriedOut = new Set(["ok", "hangAfter", "resetAfter", "stall"])

/** Looks at all that was asked for, and at all that is left of it. */
export const judge = Effect.gen(function* () {
  const { aws, queue, redis, sql } = yield* Stage
  const rows = yield* sql<Row>`
    SELECT correlation_id::text AS id, status::text, account_id AS account, principal, action,
      (SELECT count(*)::int FROM csb_requests_audit AS audit
        WHERE audit.correlation_id = request.correlation_id AND audit.status IN ('SUCCESS', 'FAILED')) AS finals,
      (SELECT count(*)::int FROM csb_requests_ref AS ref WHERE ref.correlation_id = request.correlation_id) AS references,
      coalesce((SELECT audit_log FROM csb_requests_audit AS audit
        WHERE audit.correlation_id = request.correlation_id ORDER BY audit_id DESC LIMIT 1), '') AS log
    FROM csb_requests AS request ORDER BY req_time_stamp, correlation_id`
  const left = yield* payloadsLeft
  const trails = yield* Stream.runCollect(verifyTrails(Option.none())).pipe(
    Effect.provide(AuditTrailsSql.pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql))))
  )
  const calls = aws.calls
    .list()
    .filter(({ operation, outcome }) => operation !== "AssumeRole" && carriedOut.has(outcome))
  const byKey = Object.entries(Object.groupBy(rows, ({ account, principal }) => `${account}/${principal}`))
  const callsByKey = Object.groupBy(calls, ({ accountId, principal }): string => `${accountId}/${principal}`)

  const isWorkerLost = ({ log }: Row) => log.startsWith("WorkerLost")
  return {
    jobs: rows.length,
    lost: [
      ...rows
        .filter((row) => row.status !== "SUCCESS" && !(row.status === "FAILED" && isWorkerLost(row)))
        .map((row) => `${row.id} is ${row.status}: ${row.log}`),
      ...(left === 0 ? [] : [`${left} payloads are left in Redis`]),
      ...byKey.flatMap(([key, requests = []]) => {
        const last = requests.at(-1)
        if (last?.status !== "SUCCESS") return []
        const attached = aws.world.attachments(last.account, "User", last.principal).length === 1
        return attached === (last.action === "add") ? [] : [`${key}: the last request was ${last.action}, ${last.id}`]
      })
    ],
    doubled: rows
      .filter(({ finals, references }) => finals > 1 || references > 1)
      .map(({ finals, id, references }) => `${id}: ${finals} final audit rows, ${references} references`),
    outOfOrder: byKey.flatMap(([key, requests = []]) => disorder(key, requests, callsByKey[key] ?? [])),
    broken: trails.flatMap(({ broken, correlationId }) =>
      Option.match(broken, {
        onNone: () => [],
        onSome: ({ auditId, why }) => [`${correlationId}, at ${auditId ?? "its end"}: ${why}`]
      })
    ),
    workerLost: rows.filter((row) => row.status === "FAILED" && isWorkerLost(row)).length,
    deadLetters: yield* Effect.tryPromise(() => redis.llen(`${queue}_error`))
  } satisfies Verdict
})

/** What AWS did for one key, against what was asked for, in the order of the rows. */
const disorder = (key: string, requests: ReadonlyArray<Row>, calls: ReadonlyArray<CallRecord>) => {
  const positions = new Map(calls.map(({ requestId }, index) => [requestId, index]))
  const applied = requests.flatMap(({ log }) => positions.get(/AWS request (\S+)/.exec(log)?.[1] ?? "") ?? [])
  const rising = applied.every((position, index) => index === 0 || position > (applied[index - 1] ?? -1))
  const effects = withoutRepetition(
    calls.flatMap(({ operation }) =>
      operation.startsWith("Attach") ? ["add"] : operation.startsWith("Detach") ? ["remove"] : []
    )
  )
  const wanted = withoutRepetition(requests.map(({ action }) => action))
  // Nobody knows what became of a request that has lost too many workers.
  const comparable = requests.every(({ status }) => status === "SUCCESS")
  return rising && (!comparable || effects.join() === wanted.join())
    ? []
    : [
        [
          `${key}: asked for`,
          ...requests.map(({ action, id, log }) => `${action}, ${id}: ${log}`),
          "carried out",
          ...calls.map(
            ({ at, operation, outcome, requestId, roleSessionName }) =>
              `${new Date(at).toISOString()} ${operation} by ${roleSessionName}, ${outcome}, ${requestId}`
          )
        ].join("\n  ")
      ]
}

/** Attaching twice does no harm. */
const withoutRepetition = (actions: ReadonlyArray<string>) => actions.filter((it, index) => it !== actions[index - 1])
