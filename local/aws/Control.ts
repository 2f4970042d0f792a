import { Result, Schema } from "effect"
import { type WorldDeclaration, WorldDeclaration as WorldSchema } from "./Declarations.ts"
import type { Emulator } from "./Emulator.ts"
import { FaultRule } from "./Faults.ts"
import type { PrincipalType } from "./Operations.ts"
import type { Account } from "./World.ts"

/** An answer to a control request: a status and what to send as JSON. */
export interface ControlAnswer {
  readonly status: number
  readonly json: unknown
}

const Latency = Schema.Struct({ millis: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)) })
/** `null`: no limit; with `accountId`: none of its own. */
const Rate = Schema.Struct({
  writesPerSecond: Schema.NullOr(Schema.Finite.check(Schema.isGreaterThan(0))),
  accountId: Schema.optionalKey(Schema.String)
})
const Clock = Schema.Struct({ offsetMillis: Schema.Finite })

const done: ControlAnswer = { status: 200, json: { ok: true } }
const refused = (status: number, error: string): ControlAnswer => ({ status, json: { error } })

type Route = (emulator: Emulator, body: string, query: URLSearchParams) => ControlAnswer

/** A route that decodes its JSON body, strictly: a misspelt field is an error, not a rule that matches everything. */
const taking = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  run: (emulator: Emulator, payload: S["Type"]) => void
): Route => {
  const decode = Schema.decodeUnknownResult(Schema.fromJsonString(schema), { onExcessProperty: "error" })
  return (emulator, body) => {
    const decoded = decode(body)
    if (Result.isFailure(decoded)) return refused(400, decoded.failure.message)
    try {
      run(emulator, decoded.success)
      return done
    } catch (error) {
      return refused(400, error instanceof Error ? error.message : String(error))
    }
  }
}

const declare = ({ world }: Emulator, declaration: WorldDeclaration): void => {
  for (const master of declaration.masters ?? []) world.addMaster(master)
  for (const account of declaration.accounts ?? []) world.addAccount(account)
  for (const { accountId, policyArn, principal, principalType } of declaration.attachments ?? []) {
    world.attach(accountId, principalType, principal, policyArn)
  }
}

const attachmentsOf = (account: Account, type: PrincipalType): Record<string, ReadonlyArray<string>> =>
  Object.fromEntries(
    Array.from(account.principals[type].values(), (principal) => [
      principal.name,
      Array.from(principal.attachments.values())
    ])
  )

const state = (emulator: Emulator): unknown => ({
  open: emulator.world.open,
  latencyMillis: emulator.latencyMillis,
  clockOffsetMillis: emulator.clockOffsetMillis,
  writesPerSecond: emulator.writeRate.perSecond ?? null,
  faults: emulator.faults.list(),
  accounts: Array.from(emulator.world.accounts(), (account) => ({
    accountId: account.accountId,
    handlerRole: account.handlerRole ?? null,
    attachmentQuota: account.attachmentQuota,
    users: attachmentsOf(account, "User"),
    roles: attachmentsOf(account, "Role"),
    policies: Array.from(account.policies.values())
  })),
  sessions: emulator.world.sessions()
})

const Limit = Schema.FiniteFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(1))
const decodeLimit = Schema.decodeUnknownResult(Limit)

/** The log can be tens of megabytes of JSON: it sends the last thousand calls, or `?limit=` of them. */
const calls: Route = (emulator, _body, query) => {
  const limit = decodeLimit(query.get("limit") ?? "1000")
  return Result.isFailure(limit)
    ? refused(400, `limit: ${limit.failure.message}`)
    : { status: 200, json: { counters: emulator.calls.counters(), calls: emulator.calls.list().slice(-limit.success) } }
}

const routes = new Map<string, Route>([
  ["POST /_local/faults", taking(FaultRule, (emulator, rule) => emulator.faults.add(rule))],
  [
    "DELETE /_local/faults",
    (emulator) => {
      emulator.faults.clear()
      return done
    }
  ],
  ["POST /_local/world", taking(WorldSchema, declare)],
  ["POST /_local/latency", taking(Latency, (emulator, { millis }) => void (emulator.latencyMillis = millis))],
  [
    "POST /_local/rate",
    taking(Rate, ({ writeRate }, { accountId, writesPerSecond }) =>
      accountId === undefined
        ? writeRate.set(writesPerSecond ?? undefined)
        : writeRate.setFor(accountId, writesPerSecond ?? undefined)
    )
  ],
  [
    "POST /_local/clock",
    taking(Clock, (emulator, { offsetMillis }) => void (emulator.clockOffsetMillis = offsetMillis))
  ],
  ["GET /_local/calls", calls],
  ["GET /_local/state", (emulator) => ({ status: 200, json: state(emulator) })]
])

/** Serves the controls under `/_local/`: JSON in, JSON out, 400 with an `error` for a body that is not as it should be. */
export const handleControl = (emulator: Emulator, method: string, url: string, body: string): ControlAnswer => {
  const { pathname, searchParams } = new URL(url, "http://localhost")
  const route = routes.get(`${method} ${pathname}`)
  return route === undefined
    ? refused(404, `No such control. There are: ${Array.from(routes.keys()).join(", ")}`)
    : route(emulator, body, searchParams)
}
