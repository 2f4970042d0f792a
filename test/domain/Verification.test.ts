import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import type { KeyRecord } from "../../src/domain/KeyRecord.ts"
import { compare, judge } from "../../src/domain/Verification.ts"

const account = "123456789012"
const alice = { accountId: account, principal: "alice" }
const record = (fields: Partial<KeyRecord> = {}): KeyRecord => ({
  principalType: "user",
  entitlementType: "custom",
  entitlement: "team/Auditors",
  history: [{ _tag: "Granted", id: "g", holds: "for good", attached: true }],
  age: 3_600_000,
  inFlight: false,
  endsIn: null,
  end: null,
  ...fields
})
const detached = record({ history: [{ _tag: "Detached", id: "r", age: 3_600_000 }] })

describe("the records of a principal", () => {
  it.each([
    ["what is in flight", [record({ inFlight: true })], ["under way"]],
    ["what was settled less than a minute ago", [record({ age: 59_000 })], ["under way"]],
    ["what is undecided", [record({ history: [{ _tag: "InDoubt", id: "d", action: "add" }] })], ["undecided"]],
    ["rows without a kind", [record({ principalType: null })], ["untyped"]],
    [
      "any of that name, when some rows say no kind",
      [record(), record({ entitlementType: null, entitlement: "auditors" })],
      ["untyped", "untyped"]
    ],
    ["a policy named in several ways", [record(), record({ entitlement: "Auditors" })], ["ambiguous", "ambiguous"]],
    [
      "what no job can name",
      [record({ entitlement: "../x y" }), record({ principalType: "Group" })],
      ["malformed", "malformed"]
    ]
  ] as const)("are not judged: %s", (_, records, reasons) => {
    assert.deepStrictEqual(judge(alice, records), { judged: [], notJudged: [...reasons] })
  })

  it("are not judged of a principal that no job can name", () => {
    assert.deepStrictEqual(judge({ ...alice, principal: "a/b" }, [record()]).notJudged, ["malformed"])
    assert.deepStrictEqual(judge({ ...alice, accountId: "1" }, [record()]).notJudged, ["malformed"])
  })

  it("are judged by name and kind", () => {
    const { judged, notJudged } = judge(alice, [
      record(),
      record({ entitlementType: "default" }),
      record({ principalType: "Role" })
    ])
    assert.deepStrictEqual(notJudged, [])
    assert.deepStrictEqual(
      judged.map(({ attachment }) => `${attachment.principalType} ${attachment.entitlementType}`),
      ["User custom", "User default", "Role custom"]
    )
  })
})

describe("what IAM has of it", () => {
  const arn = (name: string) => `arn:aws:iam::${account}:policy/${name}`
  const kindOf = (it: KeyRecord, listed: ReadonlyArray<string> | null) => {
    const [judged = assert.fail()] = judge(alice, [it]).judged
    return Option.getOrNull(Option.map(compare("aws", judged, listed), ({ kind }) => kind))
  }
  it.each([
    ["as it should be", record(), [arn("other"), arn("team/Auditors")], null],
    ["as it should be, in another case", record(), [arn("team/auditors")], null],
    ["missing", record(), [arn("other")], "missing"],
    ["missing, when another policy of that name is in its place", record(), [arn("Auditors")], "missing"],
    ["missing, of a user that is gone", record(), null, "missing"],
    ["gone as it should be", detached, [arn("other")], null],
    ["gone with its user", detached, null, null],
    ["unexpected", detached, [arn("team/Auditors")], "unexpected"],
    ["unexpected, whatever its path", detached, [arn("Auditors")], "unexpected"]
  ] as const)("is %s", (_, it, listed, kind) => {
    assert.strictEqual(kindOf(it, listed), kind)
  })

  it("is attached after its time, or gone although its end failed", () => {
    const over = record({
      history: [{ _tag: "Granted", id: "g", holds: "no more", attached: true }],
      end: { id: "e", status: "FAILED" }
    })
    assert.strictEqual(kindOf(over, [arn("team/Auditors")]), "ended")
    assert.isNull(kindOf(over, []))
  })
})
