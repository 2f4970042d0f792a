import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { type Change, mayBeStale, reasonToLeave } from "../../src/domain/Access.ts"

const granted = (
  id: string,
  holds: "for good" | "until its end" | "no more",
  attached: "attached it" | "found it attached" = "attached it"
): Change => ({ _tag: "Granted", id, holds, attached: attached === "attached it" })
const detached = (id: string, age = 3_600_000): Change => ({ _tag: "Detached", id, age })

describe("the end of a grant", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<Change>, string | undefined]> = [
    ["detaches what it attached", [granted("a", "no more")], undefined],
    [
      "leaves what was there before",
      [granted("a", "no more", "found it attached")],
      "it was attached before the grant"
    ],
    [
      "leaves what another grant still holds",
      [granted("a", "no more"), granted("b", "until its end", "found it attached")],
      "still held by b"
    ],
    [
      "leaves what two others hold, and names the later one",
      [granted("a", "no more"), granted("b", "until its end"), granted("c", "for good")],
      "still held by c"
    ],
    [
      "leaves what an earlier grant holds for longer",
      [granted("b", "until its end"), granted("a", "no more", "found it attached")],
      "still held by b"
    ],
    [
      "leaves what was granted for good since",
      [granted("a", "no more"), granted("p", "for good", "found it attached")],
      "still held by p"
    ],
    [
      "detaches what an earlier grant attached that it has outlasted",
      [granted("b", "no more"), granted("a", "no more", "found it attached")],
      undefined
    ],
    ["leaves what has been removed since", [granted("a", "no more"), detached("r")], "already so since request r"],
    [
      "leaves what somebody attached after it was removed, to a grant that found it so",
      [granted("b", "no more"), detached("r"), granted("a", "no more", "found it attached")],
      "it was attached before the grant"
    ],
    [
      "leaves what was granted for good and is so no more by hand, until it is removed",
      [granted("p", "for good"), granted("a", "no more")],
      "still held by p"
    ],
    ["leaves what the grant holds by another end", [granted("a", "until its end")], "still held by a"],
    ["detaches what was granted for good, by an end of that", [granted("a", "for good")], undefined],
    [
      "detaches what a grant that failed may have attached",
      [granted("f", "no more"), granted("a", "no more", "found it attached")],
      undefined
    ]
  ]
  it.each(cases)("%s", (_, history, expected) => {
    assert.deepStrictEqual(reasonToLeave("a", history), Option.fromUndefinedOr(expected))
  })
})

const Step = Schema.Literals([
  "grant for a time",
  "grant for a time, which fails although it attached",
  "grant for a time, which fails without a trace",
  "grant for good",
  "remove",
  "the first ends",
  "the last ends",
  "the end of the first fails",
  "somebody attaches",
  "somebody detaches"
])

interface Grant {
  readonly id: string
  readonly failed: boolean
  readonly foundAttached: boolean
  end: "none" | "open" | "over"
}

/** The world as it is, and what keeps the policy attached in it: nobody has to look back. */
const live = (steps: ReadonlyArray<typeof Step.Type>) => {
  const records: Array<Grant | { readonly detachedBy: string }> = []
  const reasons = new Set<string>()
  let attached = false
  /** An end failed: what it was to detach may be there, or not. */
  let leftBehind = false

  const openGrants = () => records.filter((it): it is Grant => "end" in it && it.end === "open")
  const history = (asking: Grant): ReadonlyArray<Change> =>
    records.map((it) =>
      "detachedBy" in it
        ? detached(it.detachedBy)
        : granted(
            it.id,
            it.failed || it.end === "over" || it === asking
              ? "no more"
              : it.end === "open"
                ? "until its end"
                : "for good",
            it.foundAttached ? "found it attached" : "attached it"
          )
    )
  const end = (grant: Grant | undefined) => {
    if (grant === undefined) return
    const detaches = Option.isNone(reasonToLeave(grant.id, history(grant)))
    reasons.delete(grant.id)
    const stays = attached && reasons.size > 0
    assert.strictEqual(attached && !detaches, stays, `${steps.join(", ")}: ${JSON.stringify(records)}`)
    attached = stays
    grant.end = "over"
    if (!detaches) return
    records.push({ detachedBy: grant.id })
    leftBehind = false
  }

  for (const [number, step] of steps.entries()) {
    const id = `${number}`
    const grant = (end: Grant["end"], failed = false) => records.push({ id, failed, foundAttached: attached, end })
    switch (step) {
      case "grant for a time":
        grant("open")
        reasons.add(id)
        attached = true
        break
      case "grant for a time, which fails although it attached":
        // It is written only where it may have attached what was not there.
        if (!attached) grant("open", true)
        attached = true
        break
      case "grant for a time, which fails without a trace":
        if (!attached) grant("open", true)
        break
      case "grant for good":
        grant("none")
        reasons.add(id)
        attached = true
        break
      case "remove":
        records.push({ detachedBy: id })
        reasons.clear()
        attached = false
        leftBehind = false
        break
      case "the first ends":
        end(openGrants()[0])
        break
      case "the last ends":
        end(openGrants().at(-1))
        break
      case "the end of the first fails": {
        const [first] = openGrants()
        if (first === undefined) break
        reasons.delete(first.id)
        first.end = "over"
        leftBehind = true
        break
      }
      case "somebody attaches":
        // Then nobody can tell whose the attachment is.
        if (attached || leftBehind || openGrants().length > 0) break
        reasons.add("somebody")
        attached = true
        break
      case "somebody detaches":
        reasons.delete("somebody")
        attached = false
    }
  }
  while (openGrants().length > 0) end(openGrants()[0])
  assert.isTrue(!attached || leftBehind || reasons.size > 0, `access for good: ${steps.join(", ")}`)
}

it.prop(
  "leaves attached what there is a reason for, and nothing else, whatever happens on a key",
  [Schema.Array(Step)],
  ([steps]) => live(steps),
  { arbitrary: { runs: 2_000, size: 30 } }
)

describe("an attachment that IAM lists", () => {
  it("may be one that was detached just now", () => {
    assert.isTrue(mayBeStale([granted("a", "no more"), detached("r", 59_000)]))
    assert.isTrue(mayBeStale([detached("r", 59_999)]))
    assert.isFalse(mayBeStale([granted("a", "no more"), detached("r", 60_000)]))
    assert.isFalse(mayBeStale([detached("r", 1_000), granted("p", "for good")]))
    assert.isFalse(mayBeStale([]))
  })
})
