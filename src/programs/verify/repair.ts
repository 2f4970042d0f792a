import { Effect, Option } from "effect"
import type { Intervention } from "../../domain/Intervention.ts"
import type { Discrepancy } from "../../domain/Verification.ts"
import { submit } from "../operate/submit.ts"
import type { Repair } from "./VerifyEvent.ts"

const minute = 60_000

const leave = (note: string): Repair => ({ request: null, note })

/**
 * Submits the ordinary request that brings IAM in line with the records, in the name of who asks for it. Access that was granted for a time
 * is given back for what is left of that time.
 */
export const repair = (intervention: Intervention) =>
  Effect.fnUntraced(function* ({ attachment, kind, principalExists, record }: Discrepancy) {
    const { end, endsIn, history } = record
    if (kind === "ended" && end?.status === "PENDING") {
      return leave(`nothing submitted: a running worker takes it away, by request ${end.id}`)
    }
    if (!principalExists) return leave("nothing submitted: there is no such user or role")
    const forGood = history.some((it) => it._tag === "Granted" && it.holds === "for good")
    const left = kind !== "missing" || forGood ? Option.none<number>() : Option.fromNullOr(endsIn)
    // Not rounded up: when this grant ends first, the end of the one before is still to come, and detaches.
    const duration = Option.map(left, (millis) => Math.floor(millis / minute))
    if (Option.contains(duration, 0)) return leave("nothing submitted: it ends in less than a minute")

    const action = kind === "missing" ? "add" : "remove"
    const note = `submitted ${action}${Option.match(duration, { onNone: () => "", onSome: (it) => ` for ${it} minutes` })}`
    return yield* submit(
      {
        account: attachment.accountId,
        principal: attachment.principal,
        principalType: attachment.principalType,
        action,
        entitlement: attachment.entitlement,
        entitlementType: attachment.entitlementType,
        duration,
        clientRequestId: Option.none()
      },
      intervention
    ).pipe(
      Effect.map((request): Repair => ({ request, note })),
      // Its row is there, so that a worker pushes it in a while.
      Effect.catchTag("NotPushed", ({ id, message }) => Effect.succeed<Repair>({ request: id, note: message }))
    )
  })
