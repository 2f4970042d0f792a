import { Console, DateTime, Effect, Option, Schema } from "effect"
import type { RequestRecord } from "../domain/Request.ts"
import { JobStore } from "../services/JobStore.ts"

export class UnknownRequest extends Schema.TaggedError<UnknownRequest>()("UnknownRequest", { id: Schema.String }) {
  override get message() {
    return `no AWS request with the correlation id ${this.id}; is DB_NAME the right database, and does the role see its rows?`
  }
}

/** Prints what the database knows of a request. */
export const status = Effect.fnUntraced(function* (id: string) {
  const store = yield* JobStore
  const found = yield* store.find(id)
  if (Option.isNone(found)) return yield* new UnknownRequest({ id })
  yield* Console.log(render(id, found.value))
})

const render = (
  id: string,
  { audit, references, requestedAt, row, status: label, updatedAt }: RequestRecord
): string => {
  const entitlement = [row.entitlement_type, row.entitlement].filter((part) => part !== null).join(" ")
  const principal = [row.principal_type, row.principal].filter((part) => part !== null).join(" ")
  return [
    `${id}  ${label}`,
    `  ${row.action} ${entitlement} ${row.action === "add" ? "to" : "from"} ${principal} in account ${row.account_id}`,
    `  requested ${time(requestedAt)}, changed ${time(updatedAt)}`,
    ...references.map((reference) => `  AWS request ${reference}`),
    "",
    ...audit.map((entry) => `  ${time(entry.at)}  ${entry.status.padEnd(11)}  ${entry.log}`)
  ].join("\n")
}

const time = (instant: Option.Option<DateTime.Utc>): string =>
  Option.match(instant, { onNone: () => "never", onSome: DateTime.formatIso })
