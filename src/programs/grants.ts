import { Console, DateTime, Effect, Option, Schema } from "effect"
import { printable } from "../domain/Settlement.ts"
import { type Grant, Grants, type Moved, type Reason } from "../services/Grants.ts"

/** No grant for a time has this id, and no end of one. */
export class NoSuchGrant extends Schema.TaggedError<NoSuchGrant>()("NoSuchGrant", { id: Schema.String }) {
  override get message() {
    return `no access that ends has the id ${this.id}; \`grants\` lists them, and a request with duration_minutes has an end only once it succeeded`
  }
}

/** The end of a grant is under way or over. */
export class NotPending extends Schema.TaggedError<NotPending>()("NotPending", {
  id: Schema.String,
  endId: Schema.String,
  status: Schema.String
}) {
  override get message() {
    return `the end of ${this.id}, request ${this.endId}, is ${this.status} and cannot be moved; \`status ${this.endId}\` tells more`
  }
}

/** Prints the access that ends, as a table for people or as JSON. */
export const listGrants = Effect.fnUntraced(function* (asked: {
  readonly account: Option.Option<string>
  readonly principal: Option.Option<string>
  readonly json: boolean
}) {
  const grants = yield* (yield* Grants).list({ accountId: asked.account, principal: asked.principal })
  if (asked.json) return yield* Console.log(JSON.stringify(grants.map(toJson), null, 2))
  yield* Console.log(grants.length === 0 ? "no access that ends" : table(grants))
})

/** Lets a grant's access end now. */
export const endGrant = Effect.fnUntraced(function* (id: string, reason: Reason) {
  const moved = yield* checkMoved(id, yield* (yield* Grants).end(id, reason))
  yield* Console.log(`${moved.id} ends now, by request ${moved.endId}`)
})

/** Puts a grant's end off. */
export const extendGrant = Effect.fnUntraced(function* (id: string, minutes: number, reason: Reason) {
  const moved = yield* checkMoved(id, yield* (yield* Grants).extend(id, minutes, reason))
  yield* Console.log(`${moved.id} ends ${DateTime.formatIso(moved.endsAt)}, by request ${moved.endId}`)
})

const checkMoved = Effect.fnUntraced(function* (id: string, answer: Option.Option<Moved>) {
  if (Option.isNone(answer)) return yield* new NoSuchGrant({ id })
  if (!answer.value.moved)
    return yield* new NotPending({ id: answer.value.id, endId: answer.value.endId, status: answer.value.status })
  return answer.value
})

const toJson = ({ endsAt, ...grant }: Grant) => ({ ...grant, endsAt: DateTime.formatIso(endsAt) })

const table = (grants: ReadonlyArray<Grant>): string => {
  const rows = [
    ["ENDS AT", "", "ACCOUNT", "PRINCIPAL", "ENTITLEMENT", "GRANT"],
    ...grants.map((grant) =>
      [
        DateTime.formatIso(grant.endsAt),
        note(grant),
        grant.accountId,
        `${grant.principalType} ${grant.principal}`,
        `${grant.entitlementType} ${grant.entitlement}`,
        grant.id
      ].map(printable)
    )
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

const note = ({ attachedBefore, overdue, status }: Grant): string =>
  [status === "PENDING" ? (overdue ? "due" : "") : status, attachedBefore === true ? "was attached before" : ""]
    .filter((part) => part !== "")
    .join(", ")
