import { DateTime, Option } from "effect"
import type { QueueOverview } from "../../programs/operate/queueOverview.ts"
import { manyDelayed } from "../../services/Workers.ts"
import type { Style } from "./style.ts"
import { table } from "./table.ts"
import { between, isoOrNull, json, plain, span } from "./text.ts"

export const queueAsJson = (queue: string, overview: QueueOverview): string =>
  json({
    queue,
    at: DateTime.formatIso(overview.at),
    depth: overview.depth,
    oldest: Option.getOrNull(
      Option.map(overview.oldest, ({ correlationId, receivedAt }) => ({
        correlation_id: Option.getOrNull(correlationId),
        received_at: isoOrNull(receivedAt),
        age_seconds: Option.getOrNull(Option.map(receivedAt, (it) => between(it, overview.at) / 1_000))
      }))
    ),
    in_flight: overview.inFlight,
    parked: overview.parked,
    delayed: overview.delayed,
    dead: overview.dead,
    paused: overview.pauses.map(({ at, by, scope, why }) => ({ scope, by, why, at: DateTime.formatIso(at) })),
    accounts: overview.accounts.map(({ accountId, inFlight, parked }) => ({
      account_id: accountId,
      in_flight: inFlight,
      parked
    })),
    workers: overview.workers.map(({ alive, aliveUntil, held, workerId }) => ({
      worker_id: workerId,
      alive,
      alive_until: DateTime.formatIso(aliveUntil),
      held
    }))
  })

export const queueForPeople = (queue: string, overview: QueueOverview, style: Style): string => {
  const { accounts, at, dead, delayed, depth, inFlight, parked, pauses, workers } = overview
  const alive = workers.filter((worker) => worker.alive).length
  const lost = workers.length - alive
  const counts = table(
    ["left", "right", "left"],
    [
      ["  depth", style.bold(String(depth)), "in the list, and parked"],
      ["  oldest", ...oldestOf(overview)],
      ["  in flight", String(inFlight), "requests IN_PROGRESS"],
      ["  parked", String(parked), "until their account has room"],
      ["  delayed", delayed < manyDelayed ? String(delayed) : `${manyDelayed}+`, "until their turn has come"],
      ["  dead", (dead > 0 ? style.red : plain)(String(dead)), dead > 0 ? "see them: dead list" : ""],
      ["  workers", (alive > 0 ? style.green : style.red)(String(alive)), lost > 0 ? style.red(`and ${lost} lost`) : ""]
    ]
  )
  const perPause = table(
    ["left", "left", "left", "left"],
    [
      ["  PAUSED", "SINCE", "BY", "WHY"],
      ...pauses.map((it) => [style.red(`  ${it.scope}`), DateTime.formatIso(it.at), plain(it.by), plain(it.why)])
    ]
  )
  const perAccount = table(
    ["left", "right", "right"],
    [
      ["  ACCOUNT", "IN FLIGHT", "PARKED"],
      ...accounts.map((it) => [`  ${plain(it.accountId)}`, String(it.inFlight), String(it.parked)])
    ]
  )
  const perWorker = table(
    ["left", "right", "left"],
    [
      ["  WORKER", "HELD", "HEARTBEAT"],
      ...workers.map(({ aliveUntil, held, workerId, ...worker }) => [
        `  ${plain(workerId)}`,
        String(held),
        worker.alive
          ? style.green(`alive for ${span(between(at, aliveUntil))} more`)
          : style.red(`lost ${span(between(aliveUntil, at))} ago`)
      ])
    ]
  )
  return [
    `${style.bold(plain(queue))} at ${DateTime.formatIso(at)}`,
    counts,
    ...(pauses.length > 0 ? [perPause] : []),
    ...(accounts.length > 0 ? [perAccount] : []),
    ...(workers.length > 0 ? [perWorker] : [])
  ].join("\n\n")
}

const oldestOf = ({ at, oldest }: QueueOverview): readonly [string, string] =>
  Option.match(oldest, {
    onNone: () => ["-", ""],
    onSome: ({ correlationId, receivedAt }) => [
      Option.match(receivedAt, { onNone: () => "?", onSome: (it) => span(between(it, at)) }),
      Option.match(correlationId, { onNone: () => "since it was received; no job", onSome: (id) => `request ${id}` })
    ]
  })
