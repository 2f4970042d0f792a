import { Effect, Option, Schema, Stream } from "effect"
import { type Break, firstBreak } from "../../domain/AuditChain.ts"
import { AuditTrails } from "../../services/AuditTrails.ts"

/** The database does not chain audit rows. */
export class TrailsNotChained extends Schema.TaggedError<TrailsNotChained>()("TrailsNotChained", {}) {
  override get message() {
    return "audit rows are not chained in this database, so their trails cannot be verified: run migrate (a legacy schema has no chain)"
  }
}

/** A request whose trail was read. */
export interface VerifiedTrail {
  readonly correlationId: string
  readonly accountId: string
  /** None: it is intact. */
  readonly broken: Option.Option<Break>
}

/** Reads the trails of all requests, or of one account's, page by page, and says for each whether it is as it was written. */
export const verifyTrails = (accountId: Option.Option<string>) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { chainedAfter, page } = yield* AuditTrails
      const after = yield* chainedAfter
      if (Option.isNone(after)) return yield* new TrailsNotChained()
      return Stream.paginate(Option.none<string>(), (request) =>
        Effect.map(page(request, accountId), ({ next, trails }) => [
          trails.map((trail): VerifiedTrail => ({
            correlationId: trail.correlationId,
            accountId: trail.accountId,
            broken: firstBreak(trail, after.value)
          })),
          Option.map(next, Option.some)
        ])
      )
    })
  )
