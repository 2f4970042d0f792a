import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Option } from "effect"
import { AccessDenied, type AwsError, NoSuchEntity, Throttling } from "../../src/domain/AwsError.ts"
import type { Job } from "../../src/domain/Job.ts"
import { Pause } from "../../src/domain/Pause.ts"
import { preflight } from "../../src/programs/preflight/preflight.ts"
import { AwsProbe, type AwsSession, type TargetSession } from "../../src/services/AwsProbe.ts"
import { WorkerConfig } from "../../src/services/Config.ts"
import { ConfigProbe } from "../../src/services/ConfigProbe.ts"
import { DatabaseProbe, type DatabaseSession, type Outlook } from "../../src/services/DatabaseProbe.ts"
import { RedisError } from "../../src/services/Redis.ts"
import { RedisProbe, type RedisSession } from "../../src/services/RedisProbe.ts"
import { aJob, testWorkerConfig } from "../fixture.ts"

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
const said = { code: "X", message: "said so", operation: "Call" }
const denied = (operation: string, message = "not authorized") =>
  Effect.fail<AwsError>(new AccessDenied({ code: "AccessDenied", message, operation }))
const missing = Effect.fail<AwsError>(new NoSuchEntity({ ...said, code: "NoSuchEntity" }))
const throttled = Effect.fail<AwsError>(new Throttling(said))
const pauseOf = (scope: string) => new Pause({ scope, by: "carol", why: "4711", at: DateTime.makeUnsafe(0) })

interface Fakes {
  readonly target?: Partial<TargetSession>
  readonly outlook?: Partial<Outlook>
  readonly redis?: Partial<Pick<RedisSession, "fetchMode" | "pauses">>
  readonly settings?: Partial<WorkerConfig["Service"]>
}

/** All is well, but for what a test is about. Whatever else a preflight would touch kills it. */
const fakes = ({ outlook, redis, settings, target }: Fakes) =>
  Layer.mergeAll(
    Layer.effect(
      ConfigProbe,
      Effect.map(WorkerConfig, (worker) => ({
        faults: [],
        settings: Option.some({ partition: "aws" as const, worker })
      }))
    ).pipe(Layer.provide(testWorkerConfig(settings))),
    Layer.succeed(AwsProbe, {
      connect: Effect.succeed<AwsSession>({
        partition: "aws",
        identity: Effect.succeed("arn:aws:iam::999999999999:user/worker"),
        clockAhead: Effect.die("not asked for"),
        roleArn: (account) => `arn:aws:iam::${account}:role/handler`,
        hasExternalId: true,
        assume: () => Effect.die("the worker's own session may change something"),
        look: () =>
          Effect.succeed({
            attempt: missing,
            attached: Effect.succeed([]),
            isAttachable: Effect.succeed(true),
            quota: Effect.succeed(Option.some(10)),
            boundary: Effect.succeed(Option.none()),
            ...target
          })
      })
    }),
    Layer.succeed(DatabaseProbe, {
      connect: Effect.succeed<DatabaseSession>({
        server: Effect.succeed({ version: "18", user: "api", database: "d", readOnly: false }),
        labels: Effect.die("not asked for"),
        behind: Effect.die("not asked for"),
        unfound: Effect.die("not asked for"),
        missingGrants: Effect.die("not asked for"),
        visibility: Effect.die("not asked for"),
        refusedStatements: Effect.die("not asked for"),
        missingIndexes: Effect.die("not asked for"),
        outlook: () => Effect.succeed({ ahead: 0, tooLong: [], ends: "yes", ...outlook })
      })
    }),
    Layer.succeed(RedisProbe, {
      connect: Effect.succeed<RedisSession>({
        fetchMode: "blmove",
        user: "api",
        info: Effect.die("not asked for"),
        tryCommands: Effect.die("not asked for"),
        pauses: Effect.succeed([]),
        ...redis
      })
    })
  )

/** What is not ok of a request. */
const unwell = (fields: Partial<typeof Job.Encoded>, given: Fakes = {}) =>
  preflight({ ...aJob(), ...fields }).pipe(
    Effect.map((findings) =>
      findings.filter(({ status }) => status !== "ok").map(({ check, status }) => `${check} ${status}`)
    ),
    Effect.provide(fakes(given))
  )

const policies = (count: number) => Array.from({ length: count }, (_, index) => `arn:aws:iam::aws:policy/P${index}`)
const attached = (...arns: ReadonlyArray<string>) => ({ attached: Effect.succeed(arns) })
const remove = { action: "remove" } as const
const noQuota = denied("GetAccountSummary")

describe("a preflight", () => {
  const cases: ReadonlyArray<readonly [string, Partial<typeof Job.Encoded>, Fakes, ReadonlyArray<string>]> = [
    ["a good add", {}, {}, []],
    ["a good remove", remove, { target: attached(readOnly) }, []],
    ["a type in another letter case", { principal_type: "ROLE" }, {}, []],

    ["a duration that the database ends", { duration_minutes: 60 }, {}, []],
    ["one that it cannot", { duration_minutes: 60 }, { outlook: { ends: "no" } }, ["duration failed"]],
    [
      "one that is ignored",
      { duration_minutes: 60 },
      { outlook: { ends: "no" }, settings: { durationUnsupported: "ignore" } },
      ["duration warning"]
    ],
    [
      "one of which the role knows nothing",
      { duration_minutes: 60 },
      { outlook: { ends: "unknown" } },
      ["duration skipped"]
    ],
    ["no duration where none can be kept", {}, { outlook: { ends: "no" } }, []],
    [
      "a remove with a duration",
      { ...remove, duration_minutes: 60 },
      { outlook: { ends: "no" }, target: attached(readOnly) },
      []
    ],
    ["a text without room", {}, { outlook: { tooLong: ["entitlement"] } }, ["row failed"]],
    ["an older request", {}, { outlook: { ahead: 1 } }, ["turn warning"]],

    ["a pause of all", {}, { redis: { pauses: Effect.succeed([pauseOf("all")]) } }, ["pauses warning"]],
    [
      "a pause of the account",
      {},
      { redis: { pauses: Effect.succeed([pauseOf("123456789012")]) } },
      ["pauses warning"]
    ],
    ["a pause of another account", {}, { redis: { pauses: Effect.succeed([pauseOf("111111111111")]) } }, []],
    ["a pause in the mode brpop", {}, { redis: { fetchMode: "brpop", pauses: Effect.die("not looked at") } }, []],
    [
      "pauses that the ACL hides",
      {},
      {
        redis: {
          pauses: Effect.fail(new RedisError({ command: "ZRANGEBYSCORE", reason: "Denied", message: "NOPERM" }))
        }
      },
      ["pauses skipped"]
    ],

    [
      "an add that POLICY_DENY forbids",
      {},
      { settings: { policyRules: { deny: ["*/ReadOnlyAccess"], allow: Option.none() } } },
      ["guardrails failed"]
    ],
    [
      "an add that POLICY_ALLOW leaves out",
      {},
      { settings: { policyRules: { deny: [], allow: Option.some([]) } } },
      ["guardrails failed"]
    ],
    [
      "an add that PRINCIPAL_DENY forbids",
      {},
      { settings: { principalDeny: ["*:user/alice"] } },
      ["guardrails failed"]
    ],
    [
      "a remove whatever they say",
      remove,
      {
        settings: { policyRules: { deny: ["*"], allow: Option.some([]) }, principalDeny: ["*"] },
        target: attached(readOnly)
      },
      []
    ],

    ["a role that may not attach", {}, { target: { attempt: denied("AttachUserPolicy") } }, ["aws permission failed"]],
    ["a throttled try", {}, { target: { attempt: throttled } }, ["aws permission failed"]],

    [
      "no principal",
      {},
      { target: { attached: missing } },
      ["principal failed", "attachment skipped", "quota skipped", "boundary skipped"]
    ],
    [
      "a principal that the role may not read",
      {},
      { target: { attached: denied("ListAttachedUserPolicies") } },
      ["principal skipped", "attachment skipped", "quota skipped", "boundary skipped"]
    ],
    [
      "a principal that a job's session does not cover",
      {},
      { target: { attached: denied("ListAttachedUserPolicies", "because no session policy allows the action") } },
      ["principal failed", "attachment skipped", "quota skipped", "boundary skipped"]
    ],

    ["an add that is already so", {}, { target: attached(readOnly.toUpperCase()) }, ["attachment warning"]],
    ["a remove that is already so", remove, {}, ["attachment warning"]],
    [
      "a remove that leaves the path out",
      { ...remove, entitlement: "X" },
      { target: attached("arn:aws:iam::aws:policy/service-role/X") },
      ["attachment failed"]
    ],

    ["no policy", {}, { target: { isAttachable: missing } }, ["policy failed"]],
    ["a policy that cannot be attached", {}, { target: { isAttachable: Effect.succeed(false) } }, ["policy failed"]],
    ["a service-linked role's policy", { entitlement: "aws-service-role/X" }, {}, ["policy failed"]],
    ["a policy that the role may not read", {}, { target: { isAttachable: denied("GetPolicy") } }, ["policy skipped"]],
    ["a policy that IAM is too busy for", {}, { target: { isAttachable: throttled } }, ["policy failed"]],
    ["a missing policy's remove", remove, { target: { isAttachable: missing } }, ["attachment warning"]],

    ["the last place", {}, { target: attached(...policies(9)) }, []],
    ["no place", {}, { target: attached(...policies(10)) }, ["quota failed"]],
    ["no place for what is there", {}, { target: attached(readOnly, ...policies(9)) }, ["attachment warning"]],
    ["a raised quota", {}, { target: { ...attached(...policies(10)), quota: Effect.succeed(Option.some(20)) } }, []],
    ["few policies and an unknown quota", {}, { target: { ...attached(...policies(9)), quota: noQuota } }, []],
    [
      "many policies and an unknown quota",
      {},
      { target: { ...attached(...policies(10)), quota: noQuota } },
      ["quota skipped"]
    ],
    [
      "many policies and an untold quota",
      {},
      { target: { ...attached(...policies(10)), quota: Effect.succeed(Option.none()) } },
      ["quota skipped"]
    ],

    ["a boundary", {}, { target: { boundary: Effect.succeed(Option.some(readOnly)) } }, ["boundary warning"]],
    ["a boundary that the role may not read", {}, { target: { boundary: denied("GetUser") } }, ["boundary skipped"]],
    ["a boundary of a remove", remove, { target: { ...attached(readOnly), boundary: denied("GetUser") } }, []]
  ]
  it.effect.each(cases)("of %s", ([, fields, given, expected]) =>
    Effect.map(unwell(fields, given), (found) => assert.deepStrictEqual(found, expected))
  )

  it.effect.each([
    ["account_id", { account_id: "12345" }],
    ["principal", { principal: "al ice" }],
    ["entitlement", { entitlement: "a b" }],
    ["duration_minutes", { duration_minutes: 0 }]
  ] as const)("of a malformed %s looks at nothing else, and names it", ([field, fields]) =>
    Effect.gen(function* () {
      const [first, ...others] = yield* preflight({ ...aJob(), ...fields })
      assert.deepStrictEqual([first?.check, first?.status, others], ["request", "failed", []])
      assert.include(first?.detail ?? "", field)
    }).pipe(Effect.provide(fakes({})))
  )

  it.effect("has a remedy for whatever is wrong, and names the permission that would tell what is skipped", () =>
    Effect.gen(function* () {
      for (const [, fields, given] of cases) {
        const findings = yield* Effect.provide(preflight({ ...aJob(), ...fields }), fakes(given))
        for (const { check, detail, remedy, status } of findings) {
          if (status === "failed" || status === "warning") assert.isNotEmpty(remedy, check)
          if (check === "policy" && status === "skipped") assert.include(detail, "iam:GetPolicy")
        }
      }
    })
  )
})
