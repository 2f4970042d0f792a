import { randomUUID } from "node:crypto"
import { type Console as Output, Effect, Option, Schedule, Schema } from "effect"
import { Console } from "effect"
import { SqlClient } from "effect/sql"
import { grantsForPeople } from "../src/commands/render/grants.ts"
import { Grants } from "../src/services/Grants.ts"
import { JobStore } from "../src/services/JobStore.ts"
import { handlerRole } from "./arrange.ts"
import type { AccessRequest, Submission } from "./Job.ts"
import { Servers } from "./servers.ts"
import { submitAsApi } from "./submitAsApi.ts"
import { runWorker } from "./worker.ts"

/** How long a change may take to be seen. */
const patience = "8 seconds"

const accountId = "111111111111"
const policyArn = "arn:aws:iam::aws:policy/ReadOnlyAccess"

class NotSeen extends Schema.TaggedError<NotSeen>()("NotSeen", { what: Schema.String }) {
  override get message() {
    return `not as it had to be: ${this.what}`
  }
}

const grant = (principal: string, minutes: number): Submission => {
  const id = randomUUID()
  const request: AccessRequest = {
    accountId,
    principalType: "User",
    principal,
    action: "add",
    entitlement: "ReadOnlyAccess",
    entitlementType: "default"
  }
  const payload = {
    correlation_id: id,
    account_id: accountId,
    principal,
    principal_type: "User",
    action: "add",
    entitlement: "ReadOnlyAccess",
    entitlement_type: "default",
    duration_minutes: minutes
  }
  return { id, request, payload: Buffer.from(JSON.stringify(payload)), pushes: 1, requested: true }
}

/** Grants access for a time, lets that pass, and sees it go: exactly what has to. */
export const showExpiry = Effect.fnUntraced(function* (workerOut: Output.Console) {
  yield* Effect.raceFirst(story, runWorker(workerOut))
})

const story = Effect.gen(function* () {
  const { aws } = yield* Servers
  aws.world.addAccount({
    accountId,
    handlerRole: { name: handlerRole, trusted: true },
    users: ["ada", "grace", "radia"]
  })
  aws.world.attach(accountId, "User", "ada", policyArn)

  yield* Console.log(
    "The API asks for ReadOnlyAccess: for ada, who has it already, for grace and for radia, each for a minute.\n"
  )
  const [ada, grace, radia] = [grant("ada", 1), grant("grace", 1), grant("radia", 1)]
  yield* submitAsApi([ada, grace, radia])
  yield* awaitSuccess([ada.id, grace.id, radia.id])
  yield* expectAttached("all three have it", ["ada", "grace", "radia"])

  yield* Console.log("\nBefore the minute is over, radia gets it for another hour.\n")
  const longer = grant("radia", 60)
  yield* submitAsApi([longer])
  yield* awaitSuccess([longer.id])
  yield* Console.log("What ends when, as the command `grants` shows it:\n")
  const grants = yield* (yield* Grants).list({ accountId: Option.none(), principal: Option.none() })
  yield* Console.log(grantsForPeople(grants))

  yield* Console.log("\nA minute passes: the ends move as much towards now.\n")
  yield* pass("1 minute")
  yield* showEnds([ada, grace, radia])
  yield* expectAttached("grace has it no more, ada as before, radia for the rest of the hour", ["ada", "radia"])

  yield* Console.log("\nThe hour passes.\n")
  yield* pass("1 hour")
  yield* showEnds([longer])
  yield* expectAttached("radia has it no more, either: it was there only by her first grant", ["ada"])
  yield* Console.log("\nAll access ended when it had to, and none that was there before.")
})

/** Simulated time for all that is to end. */
const pass = Effect.fnUntraced(function* (time: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`UPDATE csb_requests SET not_before = not_before - ${time}::interval WHERE status = 'PENDING' AND not_before IS NOT NULL`
})

const awaitSuccess = (ids: ReadonlyArray<string>) =>
  Effect.flatMap(JobStore, (store) =>
    Effect.forEach(ids, (id) => store.find(id)).pipe(
      Effect.repeat({
        until: (found) => found.every((it) => Option.exists(it, ({ status }) => status === "SUCCESS")),
        schedule: Schedule.spaced("50 millis")
      }),
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => new NotSeen({ what: `requests ${ids.join(", ")} did not succeed` })
      })
    )
  )

/** The ends of grants, once they are over, with what the audit trail says of them. */
const showEnds = Effect.fnUntraced(function* (grants: ReadonlyArray<Submission>) {
  const sql = yield* SqlClient.SqlClient
  for (const { id, request } of grants) {
    const [end] = yield* sql<{ id: string }>`SELECT correlation_id AS id FROM csb_requests WHERE parent_id = ${id}`
    if (end === undefined) return yield* new NotSeen({ what: `the grant ${id} has no end` })
    const [found] = yield* awaitSuccess([end.id])
    const log = Option.flatMapNullishOr(Option.flatten(Option.fromUndefinedOr(found)), ({ audit }) => audit.at(-1)?.log)
    yield* Console.log(`  ${request.principal.padEnd(6)} ${Option.getOrElse(log, () => "")}`)
  }
})

const expectAttached = Effect.fnUntraced(function* (what: string, principals: ReadonlyArray<string>) {
  const { aws } = yield* Servers
  const found = ["ada", "grace", "radia"].filter((it) =>
    aws.world.attachments(accountId, "User", it).includes(policyArn)
  )
  if (found.join() !== principals.join())
    return yield* new NotSeen({ what: `${what}, but it is attached to ${found.join(", ")}` })
  yield* Console.log(`  ok: ${what}`)
})
