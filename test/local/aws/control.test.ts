import { AttachUserPolicyCommand } from "@aws-sdk/client-iam"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalAws } from "../../../local/aws/LocalAws.ts"
import { accountId, assume, iamIn, readOnly, send, withAws } from "./fixture.ts"

const control = Effect.fnUntraced(function* (route: string, body?: unknown) {
  const { url } = yield* LocalAws
  const [method = "", path = ""] = route.split(" ")
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
  return yield* Effect.promise(async () => {
    const response = await fetch(`${url}/_local/${path}`, init)
    const json: unknown = await response.json()
    return { status: response.status, json }
  })
})

const declaration = {
  masters: [{ accessKeyId: "AKIA2", secretAccessKey: "s", accountId: "222222222222", userName: "second" }],
  accounts: [
    { accountId, handlerRole: { name: "Handler" }, users: ["alice"], policies: ["team/Auditors"], attachmentQuota: 2 }
  ],
  attachments: [{ accountId, principalType: "User", principal: "alice", policyArn: readOnly }]
}

describe("the controls", () => {
  it.effect("declare a world and show it", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      assert.deepStrictEqual(yield* control("POST world", declaration), { status: 200, json: { ok: true } })
      yield* control("POST latency", { millis: 1 })
      yield* control("POST rate", { writesPerSecond: 5 })
      yield* control("POST clock", { offsetMillis: 1000 })
      yield* control("POST faults", { principal: "bob", effect: { kind: "hang" } })
      yield* assume()
      assert.deepStrictEqual(yield* control("GET state"), {
        status: 200,
        json: {
          open: false,
          latencyMillis: 1,
          clockOffsetMillis: 1000,
          writesPerSecond: 5,
          faults: [{ principal: "bob", effect: { kind: "hang" } }],
          accounts: [
            {
              accountId,
              handlerRole: { name: "Handler" },
              attachmentQuota: 2,
              users: { alice: [readOnly] },
              roles: { Handler: [] },
              policies: ["team/Auditors"]
            }
          ],
          sessions: [...aws.world.sessions()].map(
            ({ externalId: _e, policy: _p, sourceIdentity: _s, ...session }) => session
          )
        }
      })
      yield* control("POST rate", { writesPerSecond: null })
      assert.propertyVal((yield* control("GET state")).json, "writesPerSecond", null)
    }).pipe(withAws())
  )

  it.effect("add and clear faults, and show the calls", () =>
    Effect.gen(function* () {
      const { calls } = yield* LocalAws
      yield* control("POST world", declaration)
      const iam = yield* iamIn()
      const attach = send((options) =>
        iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: readOnly }), options)
      )
      yield* control("POST faults", { accountId, effect: { kind: "error", code: "ServiceFailure" } })
      assert.strictEqual((yield* Effect.flip(attach)).Code, "ServiceFailure")
      yield* control("DELETE faults")
      yield* attach
      const { json } = yield* control("GET calls")
      assert.deepStrictEqual(json, JSON.parse(JSON.stringify({ counters: calls.counters(), calls: calls.list() })))
      const last = yield* control("GET calls?limit=1")
      assert.deepStrictEqual(
        last.json,
        JSON.parse(JSON.stringify({ counters: calls.counters(), calls: calls.list().slice(-1) }))
      )
    }).pipe(withAws())
  )

  it.effect.each<readonly [string, unknown, number, string]>([
    ["POST faults", { effect: { kind: "error", code: "NoSuchCode" } }, 400, "AccessDenied"],
    ["POST faults", { acountId: accountId, effect: { kind: "hang" } }, 400, "acountId"],
    ["POST faults", { times: 0, effect: { kind: "hang" } }, 400, "times"],
    ["POST faults", { effect: { kind: "html", status: 200 } }, 400, "between 500 and 599"],
    ["POST faults", undefined, 400, "JSON"],
    ["POST world", { accounts: [{ accountId: "1" }] }, 400, "12 digits"],
    ["POST world", { attachments: declaration.attachments }, 400, "Account 111111111111 is not declared"],
    ["POST latency", { millis: -1 }, 400, "millis"],
    ["POST rate", { writesPerSecond: 0 }, 400, "writesPerSecond"],
    ["POST clock", {}, 400, "offsetMillis"],
    ["GET calls?limit=none", undefined, 400, "limit"],
    ["GET elsewhere", undefined, 404, "POST /_local/faults"]
  ])("refuse %s %j", ([route, body, status, message]) =>
    Effect.gen(function* () {
      const { faults } = yield* LocalAws
      const answer = yield* control(route, body)
      assert.strictEqual(answer.status, status)
      assert.include(JSON.stringify(answer.json), message)
      assert.deepStrictEqual(faults.list(), [])
    }).pipe(withAws())
  )
})
