import { assert, describe, it } from "@effect/vitest"
import { Array, Option, Schema } from "effect"
import { type Change, expected, type Expected, type InDoubt, reasonToLeave } from "../../src/domain/Access.ts"

type Recorded = Change | InDoubt

const granted = (
  holds: "for good" | "until its end" | "no more",
  attached: "attached it" | "found it attached" = "attached it",
  id = "g"
): Change => ({ _tag: "Granted", id, holds, attached: attached === "attached it" })
const detached = (id = "r"): Exclude<Change, { readonly _tag: "Granted" }> => ({ _tag: "Detached", id, age: 3_600_000 })
const inDoubt = (action: "add" | "remove"): InDoubt => ({ _tag: "InDoubt", id: "d", action })

describe("what settled requests say of an attachment", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<Recorded>, Expected]> = [
    ["nothing, where there are none", [], "unknown"],
    ["attached, by a grant", [granted("for good")], "attached"],
    ["attached, by a grant that found it so", [granted("until its end", "found it attached")], "attached"],
    ["detached, by what came last", [granted("for good"), detached()], "detached"],
    ["attached again", [detached(), granted("until its end")], "attached"],
    ["ended, by a grant whose end has not detached it", [granted("no more")], "ended"],
    ["attached, while another grant holds it", [granted("no more"), granted("for good")], "attached"],
    ["nothing, when a grant is over that found it attached", [granted("no more", "found it attached")], "unknown"],
    [
      "nothing, when somebody attached what had been detached before a grant that is over",
      [detached(), granted("no more", "found it attached")],
      "unknown"
    ],
    ["nothing, after a grant in doubt", [detached(), inDoubt("add")], "unknown"],
    ["attached, whatever an add in doubt did to what is held", [granted("for good"), inDoubt("add")], "attached"],
    ["nothing, after a remove in doubt", [granted("for good"), inDoubt("remove")], "unknown"],
    ["detached, whatever a remove in doubt did after another", [detached(), inDoubt("remove")], "detached"],
    ["attached, by a grant after a doubt", [inDoubt("remove"), granted("for good")], "attached"],
    ["detached, by a remove after a doubt", [inDoubt("add"), detached()], "detached"]
  ]
  it.each(cases)("is %s", (_, history, expectation) => {
    assert.strictEqual(expected(history), expectation)
  })
})

const Step = Schema.Literals([
  "grant for a time",
  "grant for good",
  "remove",
  "an add in doubt that attaches",
  "an add in doubt that does nothing",
  "a remove in doubt that detaches",
  "a remove in doubt that does nothing",
  "the first ends",
  "the end of the first fails"
])
type Step = typeof Step.Type

interface Grant {
  readonly id: string
  readonly foundAttached: boolean
  end: "none" | "open" | "done" | "failed"
}

/** What IAM has and what the records say, when only requests change it. `first`: whether it was attached before all of them. */
const live = (first: boolean, steps: ReadonlyArray<Step>) => {
  const records: Array<Grant | Exclude<Recorded, { readonly _tag: "Granted" }>> = []
  let attached = first
  let doubts = false
  const history = (asking?: Grant): ReadonlyArray<Change> => recorded(asking).filter((it) => it._tag !== "InDoubt")
  const recorded = (asking?: Grant): ReadonlyArray<Recorded> =>
    records.map((it) =>
      "_tag" in it
        ? it
        : granted(
            it.end === "none" ? "for good" : it.end === "open" && it !== asking ? "until its end" : "no more",
            it.foundAttached ? "found it attached" : "attached it",
            it.id
          )
    )
  const open = () => records.find((it): it is Grant => "end" in it && it.end === "open")

  for (const [number, step] of steps.entries()) {
    const id = `${number}`
    switch (step) {
      case "grant for a time":
      case "grant for good":
        records.push({ id, foundAttached: attached, end: step === "grant for good" ? "none" : "open" })
        attached = true
        break
      case "remove":
        records.push(detached(id))
        attached = false
        doubts = false
        break
      case "an add in doubt that attaches":
      case "an add in doubt that does nothing":
        records.push(inDoubt("add"))
        if (step === "an add in doubt that attaches") attached = true
        doubts = true
        break
      case "a remove in doubt that detaches":
      case "a remove in doubt that does nothing":
        records.push(inDoubt("remove"))
        if (step === "a remove in doubt that detaches") attached = false
        doubts = true
        break
      case "the first ends": {
        const grant = open()
        if (grant === undefined) break
        const detaches = Option.isNone(reasonToLeave(grant.id, history(grant)))
        grant.end = "done"
        if (!detaches) break
        records.push(detached(id))
        attached = false
        doubts = false
        break
      }
      case "the end of the first fails": {
        const grant = open()
        if (grant !== undefined) grant.end = "failed"
      }
    }
  }
  return { attached, doubts, recorded: recorded(), grants: records.filter((it): it is Grant => "end" in it) }
}

const runs = { arbitrary: { runs: 2_000, size: 30 } }

it.prop(
  "is what IAM has, when nobody else changes it, and says nothing only after a doubt or where it was attached before",
  [Schema.Boolean, Schema.Array(Step)],
  ([first, steps]) => {
    const { attached, doubts, grants, recorded } = live(first, steps)
    const said = expected(recorded)
    const trail = `${String(first)}: ${steps.join(", ")}`
    if (said === "attached") assert.isTrue(attached, trail)
    if (said === "detached") assert.isFalse(attached, trail)
    if (said === "ended")
      assert.isTrue(
        grants.some(({ end }) => end === "failed"),
        trail
      )
    if (said === "unknown") assert.isTrue(doubts || recorded.length === 0 || first, trail)
  },
  runs
)

it.prop(
  "is ended exactly where the end of some grant would still detach",
  [Schema.Boolean, Schema.Array(Step)],
  ([first, steps]) => {
    const { recorded } = live(
      first,
      steps.filter((step) => !step.includes("in doubt"))
    )
    const changes = recorded.filter((it) => it._tag !== "InDoubt")
    const since = changes.slice(changes.findLastIndex(({ _tag }) => _tag === "Detached") + 1)
    const detaches = since.some(
      (it) => it._tag === "Granted" && it.holds === "no more" && Option.isNone(reasonToLeave(it.id, changes))
    )
    assert.strictEqual(expected(recorded) === "ended", detaches, steps.join(", "))
  },
  runs
)

it.prop(
  "needs no more than the last change of each kind",
  [Schema.Boolean, Schema.Array(Step)],
  ([first, steps]) => {
    const { recorded } = live(first, steps)
    const kindOf = (it: Recorded) =>
      it._tag === "Granted" ? `${it.holds} ${it.attached}` : it._tag === "InDoubt" ? it.action : it._tag
    const last = Array.reverse(Array.dedupeWith(Array.reverse(recorded), (one, other) => kindOf(one) === kindOf(other)))
    assert.strictEqual(expected(last), expected(recorded), steps.join(", "))
  },
  runs
)
