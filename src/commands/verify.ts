import { Console, Effect, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { AccountId } from "../domain/Job.ts"
import { Refused } from "../domain/Refused.ts"
import { AccountSharesLive } from "../layers/AccountSharesLive.ts"
import { AwsIamLive } from "../layers/aws/AwsIamLive.ts"
import { AwsSessionsLive } from "../layers/aws/AwsSessionsLive.ts"
import { RepairConfigLive, VerifyConfigLive } from "../layers/environment/ConfigLive.ts"
import { AccessRecordsSql } from "../layers/postgres/AccessRecordsSql.ts"
import { AuditTrailsSql } from "../layers/postgres/AuditTrailsSql.ts"
import { JobStoreSql } from "../layers/postgres/JobStoreSql.ts"
import { SqlLive } from "../layers/postgres/SqlLive.ts"
import { JobQueueRedis } from "../layers/queue/JobQueueRedis.ts"
import { RedisLive } from "../layers/redis/RedisLive.ts"
import { repair } from "../programs/verify/repair.ts"
import { verify as program } from "../programs/verify/verify.ts"
import type { VerifyEvent } from "../programs/verify/VerifyEvent.ts"
import { by, json, why } from "./flags.ts"
import { eventAsJson, eventForPeople } from "./render/verification.ts"
import { style } from "./render/style.ts"
import { reportToPerson } from "./report.ts"

const Comparing = Layer.mergeAll(AccessRecordsSql, AuditTrailsSql, AccountSharesLive, AwsIamLive).pipe(
  Layer.provide(Layer.mergeAll(AwsSessionsLive, SqlLive))
)
const Live = Comparing.pipe(Layer.provideMerge(VerifyConfigLive))
const Repairing = Layer.mergeAll(Comparing, JobQueueRedis, JobStoreSql).pipe(
  Layer.provide(Layer.mergeAll(RedisLive, SqlLive)),
  Layer.provideMerge(RepairConfigLive)
)

const flags = {
  account: Flag.String("account").pipe(
    Flag.withDescription("Only this target account"),
    Flag.withSchema(AccountId),
    Flag.optional
  ),
  after: Flag.String("after").pipe(
    Flag.withMetavar("account"),
    Flag.withDescription("Only the accounts after this one; an unfinished verification says which"),
    Flag.withSchema(AccountId),
    Flag.optional
  ),
  json: json.pipe(Flag.withDescription("Print a JSON object a line: the findings, then the sums")),
  repair: Flag.Boolean("repair").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Submit ordinary requests for what differs; needs --by and --why"),
    Flag.withDefault(false)
  ),
  by: Flag.optional(by),
  why: Flag.optional(why)
}

export const verify = Command.make("verify", flags, (asked) =>
  Effect.gen(function* () {
    const marks = yield* style
    const render = asked.json ? eventAsJson : (event: VerifyEvent) => eventForPeople(event, marks)
    const tell = (event: VerifyEvent) => Effect.forEach(render(event), (text) => Console.log(text), { discard: true })
    const intervention = Option.all({ by: asked.by, why: asked.why })
    if (asked.repair !== Option.isSome(intervention) || Option.isSome(asked.by) !== Option.isSome(asked.why)) {
      return yield* new Refused({
        reason: "--repair, --by and --why belong together",
        remedy: "Give all three, or none, which only looks"
      })
    }
    // Together they name an account that is not behind itself: nothing would be read, and all be well.
    if (Option.isSome(asked.account) && Option.isSome(asked.after)) {
      return yield* new Refused({
        reason: "--account and --after exclude each other",
        remedy: "Give --account for one account, --after to go on behind one"
      })
    }
    yield* Option.match(intervention, {
      onNone: () => program(asked, false, () => Effect.succeed(null), tell).pipe(Effect.provide(Live)),
      onSome: (it) => program(asked, true, repair(it), tell).pipe(Effect.provide(Repairing))
    })
  }).pipe(reportToPerson)
).pipe(
  Command.withDescription(
    "Compare what settled requests say with the policies that IAM has, account by account, at a gentle pace: what is missing, what is attached although it was detached, and what is attached after its time. Before that, read the audit trail of each request, and say which is not as it was written. Changes nothing without --repair"
  ),
  Command.withShortDescription("Find out whether IAM is as the records say")
)
