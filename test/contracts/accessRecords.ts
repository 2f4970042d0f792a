import { randomInt, randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, type Layer, Option } from "effect"
import { expected } from "../../src/domain/Access.ts"
import { LimitExceeded, Timeout } from "../../src/domain/AwsError.ts"
import type { Job } from "../../src/domain/Job.ts"
import { Settlement, WorkerDefect } from "../../src/domain/Settlement.ts"
import { AccessRecords, type NamedPrincipal } from "../../src/services/AccessRecords.ts"
import { Grants } from "../../src/services/Grants.ts"
import { type Claim, JobStore } from "../../src/services/JobStore.ts"
import { aJob, waiting } from "../fixture.ts"
import { ApiStore } from "./jobStore.ts"

const applied = Settlement.Succeeded({ requestId: Option.none(), effected: "applied" })
const left = Settlement.Succeeded({ requestId: Option.none(), effected: "left as it is: still held by x" })
const failure = { code: "Code", message: "why", operation: "AttachUserPolicy" }
const refused = Settlement.Failed({ error: new LimitExceeded(failure) })
const lostAnswer = Settlement.Failed({ error: new Timeout(failure) })
const broken = Settlement.Failed({ error: new WorkerDefect({ message: "why" }) })

/** What every `AccessRecords` reads whose rows say enough. */
export const accessRecordsContract = (
  name: string,
  layer: Layer.Layer<AccessRecords | ApiStore | Grants | JobStore, unknown>
) =>
  describe(`AccessRecords: ${name}`, () => {
    const test = (title: string, body: Effect.Effect<void, unknown, AccessRecords | ApiStore | Grants | JobStore>) =>
      it.live(title, () => Effect.provide(body, layer))

    const submitted = (fields: Partial<Job>) =>
      Effect.gen(function* () {
        const job = aJob(fields)
        yield* (yield* ApiStore).submit(job)
        return job
      })
    const claimed = (job: Job) =>
      Effect.gen(function* () {
        const found = yield* (yield* JobStore).claim(job, { workerId: "w-1", take: randomUUID() }, waiting)
        return Option.isSome(found) && found.value._tag === "Claimed" ? found.value.claim : assert.fail(found._tag)
      })
    const settle = (claim: Claim, settlement: Settlement) =>
      Effect.flatMap(JobStore, (store) => store.settle(claim, settlement))
    const settled = (fields: Partial<Job>, settlement: Settlement = applied, attachedBefore?: boolean) =>
      Effect.gen(function* () {
        const job = yield* submitted(fields)
        const claim = yield* claimed(job)
        if (attachedBefore !== undefined) yield* (yield* JobStore).noteBefore(claim, attachedBefore)
        assert.isTrue(yield* settle(claim, settlement))
        return job
      })
    const ended = (grant: Job, settlement: Settlement) =>
      Effect.gen(function* () {
        const { endId } = Option.getOrThrow(
          yield* (yield* Grants).end(grant.correlation_id, { by: "ann", why: "over" })
        )
        yield* settle(yield* claimed({ ...grant, correlation_id: endId, action: "remove" }), settlement)
        return endId
      })
    const someone = () => ({ principal: `user-${randomUUID()}` })
    const keysOf = ({ principal }: { readonly principal: string }) =>
      Effect.flatMap(AccessRecords, (records) => records.keysOf({ accountId: aJob().account_id, principal }))
    const keyOf = (on: { readonly principal: string }) =>
      Effect.map(keysOf(on), ([key = assert.fail("no key"), ...more]) => {
        assert.deepStrictEqual(more, [])
        return key
      })
    const saidOf = (on: { readonly principal: string }) =>
      Effect.map(keysOf(on), (keys) => keys.map(({ history }) => expected(history)))

    test(
      "tells what the settled requests on a key say, and when the last one was settled",
      Effect.gen(function* () {
        const on = someone()
        const grant = yield* settled(on)
        const { age, ...key } = yield* keyOf(on)
        assert.isTrue(age >= 0 && age < 30_000)
        assert.deepStrictEqual(
          { ...key, principalType: key.principalType?.toLowerCase() },
          {
            principalType: "user",
            entitlementType: "default",
            entitlement: "ReadOnlyAccess",
            history: [{ _tag: "Granted", id: grant.correlation_id, holds: "for good", attached: true }],
            inFlight: false,
            endsIn: null,
            end: null
          }
        )
        const removal = yield* settled({ ...on, action: "remove" })
        const [last] = (yield* keyOf(on)).history.slice(-1)
        assert.deepInclude(last, { _tag: "Detached", id: removal.correlation_id })
        assert.deepStrictEqual(yield* saidOf(on), ["detached"])
        yield* settled({ ...on, duration_minutes: 60 }, applied, false)
        assert.deepStrictEqual(yield* saidOf(on), ["attached"])
      })
    )

    test(
      "tells apart users and roles, and policies of AWS and of the account",
      Effect.gen(function* () {
        const on = someone()
        yield* settled(on)
        yield* settled({ ...on, principal_type: "Role", action: "remove" })
        yield* settled({ ...on, entitlement_type: "custom" })
        yield* settled({ ...on, entitlement: "Other", action: "remove" })
        const keys = (yield* keysOf(on)).map(
          (it) => `${it.principalType?.toLowerCase()} ${it.entitlementType} ${it.entitlement} ${expected(it.history)}`
        )
        assert.sameMembers(keys, [
          "user default ReadOnlyAccess attached",
          "role default ReadOnlyAccess detached",
          "user custom ReadOnlyAccess attached",
          "user default Other detached"
        ])
      })
    )

    test(
      "knows nothing of what is not settled, or failed without a doubt",
      Effect.gen(function* () {
        const on = someone()
        yield* settled(on, refused)
        yield* settled({ ...on, action: "remove" }, refused)
        yield* claimed(yield* submitted(on))
        assert.deepStrictEqual(yield* keysOf(on), [])
      })
    )

    test(
      "says nothing of what failed in doubt",
      Effect.gen(function* () {
        for (const settlement of [lostAnswer, broken]) {
          const on = someone()
          yield* settled({ ...on, action: "remove" })
          const add = yield* settled(on, settlement)
          const { history } = yield* keyOf(on)
          assert.deepStrictEqual(
            history.slice(-1).map((it) => ({ ...it })),
            [{ _tag: "InDoubt", id: add.correlation_id, action: "add" }]
          )
          assert.strictEqual(expected(history), "unknown")
          yield* settled(on)
          yield* settled({ ...on, action: "remove" }, settlement)
          assert.deepStrictEqual(yield* saidOf(on), ["unknown"])
        }
        const on = someone()
        yield* claimed(yield* submitted(on))
        yield* (yield* JobStore).recover(Duration.millis(-1_000), 1).pipe(Effect.repeat({ until: Option.isSome }))
        assert.deepStrictEqual(yield* saidOf(on), ["unknown"])
      })
    )

    test(
      "knows how long access lasts, and that an end which left it as it is has not detached it",
      Effect.gen(function* () {
        const on = someone()
        const first = yield* settled({ ...on, duration_minutes: 60 }, applied, false)
        yield* settled({ ...on, duration_minutes: 90 }, applied, true)
        const { endsIn, history } = yield* keyOf(on)
        assert.closeTo((endsIn ?? 0) / 60_000, 90, 0.5)
        assert.strictEqual(expected(history), "attached")
        yield* ended(first, left)
        assert.deepStrictEqual(yield* saidOf(on), ["attached"])
        // What was granted before it was taken away lasts no longer.
        yield* settled({ ...on, action: "remove" })
        yield* settled({ ...on, duration_minutes: 10 }, applied, false)
        assert.closeTo(((yield* keyOf(on)).endsIn ?? 0) / 60_000, 10, 0.5)
      })
    )

    test(
      "knows the end that failed, and none that detached",
      Effect.gen(function* () {
        const [on, other] = [someone(), someone()]
        const endId = yield* ended(yield* settled({ ...on, duration_minutes: 60 }, applied, false), refused)
        const { end, endsIn, history } = yield* keyOf(on)
        assert.deepStrictEqual([end, endsIn, expected(history)], [{ id: endId, status: "FAILED" }, null, "ended"])
        yield* ended(yield* settled({ ...other, duration_minutes: 60 }, applied, false), applied)
        assert.deepInclude(yield* keyOf(other), { end: null, endsIn: null })
        assert.deepStrictEqual(yield* saidOf(other), ["detached"])
      })
    )

    test(
      "sees what is under way: what waits, what is in progress and what is due, but no end whose time has not come",
      Effect.gen(function* () {
        const isUnderWay = (on: { readonly principal: string }) => Effect.map(keyOf(on), ({ inFlight }) => inFlight)
        const on = someone()
        const grant = yield* settled({ ...on, duration_minutes: 60 }, applied, false)
        assert.isFalse(yield* isUnderWay(on))
        yield* submitted({ ...on, entitlement: "Other" })
        assert.isFalse(yield* isUnderWay(on))
        const waits = yield* submitted(on)
        assert.isTrue(yield* isUnderWay(on))
        const other = yield* submitted({ ...on, entitlement: "service-role/readOnlyACCESS" })
        const claim = yield* claimed(waits)
        assert.isTrue(yield* isUnderWay(on))
        yield* settle(claim, refused)
        assert.isTrue(yield* isUnderWay(on))
        yield* settle(yield* claimed(other), refused)
        assert.isFalse(yield* isUnderWay(on))
        yield* (yield* Grants).end(grant.correlation_id, { by: "ann", why: "over" })
        assert.isTrue(yield* isUnderWay(on))
      })
    )

    test(
      "knows whether a request that has not failed spells a user in another letter case",
      Effect.gen(function* () {
        const { isSpelledOtherwise } = yield* AccessRecords
        const { principal } = someone()
        const other = { principal: principal.toUpperCase() }
        const isUser = isSpelledOtherwise({ accountId: aJob().account_id, principal, principalType: "User" })
        yield* settled({ principal })
        yield* settled(other, refused)
        yield* settled({ ...other, principal_type: "Role" })
        yield* settled({ ...other, account_id: "999999999999" })
        assert.isFalse(yield* isUser)
        const waits = yield* submitted(other)
        assert.isTrue(yield* isUser)
        const claim = yield* claimed(waits)
        assert.isTrue(yield* isUser)
        yield* settle(claim, refused)
        assert.isFalse(yield* isUser)
        yield* settled(other)
        assert.isTrue(yield* isUser)
      })
    )

    test(
      "lists principals in ascending order, some at a time, behind any of them",
      Effect.gen(function* () {
        const records = yield* AccessRecords
        // On one server: others' accounts may lie before and behind.
        const start = randomInt(1, 10 ** 9)
        const [low, high] = [start, start + 1].map((number) => String(number).padStart(12, "7"))
        const names = ["a", "b", "c", "d", "e"]
        for (const principal of names) yield* settled({ account_id: low ?? "", principal })
        yield* settled({ account_id: low ?? "", principal: "c", entitlement: "Other" })
        yield* settled({ account_id: high ?? "", principal: "a" })
        yield* submitted({ account_id: low ?? "", principal: "pending" })

        const walk = Effect.fnUntraced(function* (accountId: Option.Option<string>) {
          const all: Array<NamedPrincipal> = []
          let page = yield* records.principals({ accountId, behind: Option.none() })
          while (page.length > 0) {
            all.push(...page)
            const behind = Option.map(Option.fromUndefinedOr(page.at(-1)), (last) => ({
              ...last,
              principal: Option.some(last.principal)
            }))
            page = yield* records.principals({ accountId, behind })
          }
          return all
        })
        assert.deepStrictEqual(
          (yield* walk(Option.fromUndefinedOr(low))).map(({ principal }) => principal),
          names
        )
        const ours = (yield* walk(Option.none())).filter(({ accountId }) => accountId === low || accountId === high)
        assert.deepStrictEqual(
          ours.map(({ accountId, principal }) => `${accountId === low ? "low" : "high"} ${principal}`),
          [...names.map((principal) => `low ${principal}`), "high a"]
        )
        const [next] = yield* records.principals({
          accountId: Option.none(),
          behind: Option.some({ accountId: low ?? "", principal: Option.none() })
        })
        assert.deepStrictEqual({ ...next }, { accountId: high, principal: "a" })
      })
    )
  })
