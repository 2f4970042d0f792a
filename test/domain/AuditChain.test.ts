import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { type ChainedRow, firstBreak, hashOf, type Trail } from "../../src/domain/AuditChain.ts"

const id = "0b8f5c0e-6f0e-4b57-9d0c-0d6a6d1f5a11"

/** A trail as the trigger writes it, after rows without a hash from before it. */
const written = (said: ReadonlyArray<{ readonly status: string; readonly log: string | null }>, before = 0): Trail => {
  const rows: Array<ChainedRow> = []
  for (const [index, { log, status }] of said.entries()) {
    const row = {
      auditId: BigInt(index + 1),
      status,
      at: 1_700_000_000_000_000n + BigInt(index),
      log,
      previousHash: rows.at(-1)?.hash ?? null
    }
    rows.push({ ...row, hash: index < before ? null : hashOf(id, row) })
  }
  return { correlationId: id, accountId: "123456789012", status: rows.at(-1)?.status ?? "PENDING", rows }
}

const life = written([
  { status: "PENDING", log: null },
  { status: "IN_PROGRESS", log: "Delivery 1, claimed by w-1" },
  { status: "PENDING", log: "Throttling: slow" },
  { status: "IN_PROGRESS", log: "Delivery 2, claimed by w-2" },
  { status: "SUCCESS", log: "Policy applied" }
])

const replaced = (trail: Trail, index: number, change: Partial<ChainedRow>): Trail => ({
  ...trail,
  rows: trail.rows.map((row, at) => (at === index ? { ...row, ...change } : row))
})
const without = (trail: Trail, index: number): Trail => ({ ...trail, rows: trail.rows.toSpliced(index, 1) })

const breakOf = (trail: Trail, chainedAfter = 0n) => Option.getOrUndefined(firstBreak(trail, chainedAfter))

const Entries = Schema.Array(
  Schema.Struct({
    status: Schema.Literals(["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED"]),
    log: Schema.NullOr(Schema.String)
  })
).check(Schema.isMinLength(1))
const Place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))
const Field = Schema.Literals(["status", "log", "at", "auditId", "hash", "previousHash"])

describe("a trail", () => {
  it("is hashed as anybody can do it by hand", () => {
    const [first, second] = written([
      { status: "PENDING", log: null },
      { status: "FAILED", log: "no: é" }
    ]).rows
    const sha256 = (text: string) => createHash("sha256").update(text).digest("hex")
    assert.strictEqual(first?.hash, sha256(`- 1 ${id} PENDING 1700000000000000`))
    assert.strictEqual(second?.hash, sha256(`${first?.hash} 2 ${id} FAILED 1700000000000001 no: é`))
  })

  it.prop(
    "is intact as it was written, also after rows from before there were hashes",
    [Entries, Place],
    ([said, place]) => {
      const before = place % said.length
      assert.isUndefined(breakOf(written(said, before), BigInt(before)))
    }
  )

  it.prop(
    "is broken at a row that says something else than it said",
    [Entries, Place, Field],
    ([said, place, field]) => {
      const trail = written(said)
      const index = place % said.length
      const changes = {
        status: { status: `${said[index]?.status}x` },
        log: { log: said[index]?.log === null ? "" : null },
        at: { at: 0n },
        auditId: { auditId: BigInt(index + 1) * 1_000n },
        hash: { hash: "0".repeat(64) },
        previousHash: { previousHash: "0".repeat(64) }
      }
      const changed = replaced(trail, index, changes[field])
      assert.strictEqual(breakOf(changed)?.auditId, changed.rows[index]?.auditId)
    }
  )

  it.prop("is broken where a row was taken out", [Entries, Place], ([said, place]) => {
    const index = place % said.length
    // Another one behind it: of the last one only what the request says can tell.
    const trail = written([...said, { status: "FAILED", log: "no" }])
    assert.strictEqual(breakOf(without(trail, index))?.auditId, BigInt(index + 2))
  })

  it("is broken where a row was changed and its hash computed anew", () => {
    const [, row] = life.rows
    const forged = { ...row, log: "Delivery 1, claimed by mallory" }
    if (row === undefined) return assert.fail()
    const trail = replaced(life, 1, { ...forged, hash: hashOf(id, { ...row, ...forged }) })
    assert.strictEqual(breakOf(trail)?.auditId, 3n)
  })

  it("is broken at its end when the request says something else than the last row", () => {
    assert.deepInclude(breakOf(without(life, 4)), { auditId: null })
    assert.match(breakOf(without(life, 4))?.why ?? "", /request is SUCCESS.* last row says IN_PROGRESS/)
    assert.match(breakOf({ ...life, rows: [] })?.why ?? "", /no audit row/)
  })

  it("may be empty while the request is pending, as the API need not write a row", () => {
    assert.isUndefined(breakOf({ ...life, status: "PENDING", rows: [] }))
  })

  it("is broken at a row without a hash from after rows were chained", () => {
    const unhashed = written([{ status: "PENDING", log: "Submitted" }], 1)
    assert.strictEqual(breakOf(unhashed, 0n)?.auditId, 1n)
    assert.isUndefined(breakOf(unhashed, 1n))
  })

  it("is broken at a row without a hash behind one that has one, whatever its id", () => {
    assert.strictEqual(breakOf(replaced(life, 3, { hash: null }), 1_000n)?.auditId, 4n)
  })
})
