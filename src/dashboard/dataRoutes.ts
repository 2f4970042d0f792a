import { ByteSize, DateTime, Effect, Option, Schema, Semaphore } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { searchTerm } from "../domain/History.ts"
import { Who, Why } from "../domain/Intervention.ts"
import { CorrelationId } from "../domain/Job.ts"
import type { DeadLetterView, RequestDetails } from "../domain/Overview.ts"
import type { RequestRecord } from "../domain/Request.ts"
import { replayLetter } from "../programs/operate/replayLetter.ts"
import { DeadLetters, type StoredLetter } from "../services/DeadLetters.ts"
import { JobStore } from "../services/JobStore.ts"
import { RequestHistory } from "../services/RequestHistory.ts"
import type { Access } from "./access.ts"
import { makeOverview } from "./overview.ts"
import { problem, secured, sentenceOf } from "./responses.ts"

/** How many dead letters are shown. */
const newest = 50

/** How long anybody waits for a statement that may read a whole table. */
const patience = "8 seconds"

/** PostgreSQL takes no NUL in a text. https://www.postgresql.org/docs/current/datatype-character.html */
const Search = Schema.Struct({ search: Schema.String.check(Schema.isPattern(/^[^\p{Cc}]{1,200}$/u)) })
const RequestPath = Schema.Struct({ id: CorrelationId })
const LetterPath = Schema.Struct({ id: Schema.String.check(Schema.isPattern(/^[0-9a-f]{12}$/)) })
const Replay = Schema.Struct({ by: Who, why: Why })

/** Far more than who and why take. */
const wordsLimit = ByteSize.kibibytes(16)

const json = (body: unknown) => HttpServerResponse.jsonUnsafe(body)

/** What went wrong, as an answer: the client's fault, a refusal, or a backend that is away. */
const answered = <E extends { readonly _tag: string; readonly message: string }, R>(
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) =>
  Effect.catch(answer, (error) =>
    Effect.succeed(
      error._tag === "SchemaError" || error._tag === "HttpServerError"
        ? problem(400, error.message)
        : error._tag === "Refused"
          ? problem(409, error.message)
          : problem(503, sentenceOf(error))
    )
  )

const millis = (at: Option.Option<DateTime.Utc>) => Option.getOrNull(Option.map(at, DateTime.toEpochMillis))

/** The data of the page, and the one change that it can make. */
export const dataRoutes = (access: Access) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const overview = yield* makeOverview
      const store = yield* JobStore
      const history = yield* RequestHistory
      const deadLetters = yield* DeadLetters
      // A search may read a whole table, so there is one at a time, however many ask.
      const turn = yield* Semaphore.make(1)

      yield* router.add("GET", "/api/overview", secured(access.reading(Effect.map(overview, json))))

      yield* router.add(
        "GET",
        "/api/requests",
        HttpServerRequest.schemaSearchParams(Search).pipe(
          Effect.flatMap(({ search }) => Semaphore.withPermit(turn, history.search(searchTerm(search)))),
          Effect.timeout(patience),
          Effect.map((requests) => json({ requests })),
          Effect.catchTag("TimeoutError", () =>
            Effect.succeed(problem(503, "The search took too long. A correlation id is found at once."))
          ),
          answered,
          access.reading,
          secured
        )
      )

      yield* router.add(
        "GET",
        "/api/requests/:id",
        HttpRouter.schemaPathParams(RequestPath).pipe(
          Effect.flatMap(({ id }) =>
            Effect.map(
              store.find(id),
              Option.map((record) => json(detailsOf(id, record)))
            )
          ),
          Effect.map(Option.getOrElse(() => problem(404, "The database knows no AWS request with this id."))),
          answered,
          access.reading,
          secured
        )
      )

      yield* router.add(
        "GET",
        "/api/dead-letters",
        deadLetters.list({ offset: 0, limit: newest }).pipe(
          Effect.map((letters) => json({ letters: letters.map(viewOf) })),
          answered,
          access.reading,
          secured
        )
      )

      yield* router.add(
        "POST",
        "/api/dead-letters/:id/replay",
        Effect.gen(function* () {
          const { id } = yield* HttpRouter.schemaPathParams(LetterPath)
          const intervention = yield* HttpServerRequest.schemaBodyJson(Replay)
          const letter = yield* deadLetters.find(id)
          if (Option.isNone(letter)) return problem(404, "This dead letter is not there any more.")
          const correlationId = yield* replayLetter(letter.value, Option.some(intervention))
          yield* Effect.logInfo(`dead letter ${id} replayed by ${intervention.by}: ${intervention.why}`).pipe(
            Effect.annotateLogs("correlation_id", correlationId)
          )
          return json({ correlationId })
        }).pipe(
          Effect.provideService(JobStore, store),
          Effect.provideService(DeadLetters, deadLetters),
          Effect.provideService(HttpIncomingMessage.MaxBodySize, wordsLimit),
          answered,
          access.changing,
          secured
        )
      )
    })
  )

const detailsOf = (correlationId: string, { audit, references, requestedAt, row, status, updatedAt }: RequestRecord) =>
  ({
    correlationId,
    status,
    requestedAt: millis(requestedAt),
    updatedAt: millis(updatedAt),
    accountId: row.account_id,
    principal: row.principal,
    principalType: row.principal_type,
    action: row.action,
    entitlement: row.entitlement,
    entitlementType: row.entitlement_type,
    durationMinutes: row.duration_minutes,
    audit: audit.map((entry) => ({ status: entry.status, at: millis(entry.at), log: entry.log })),
    references
  }) satisfies RequestDetails

const viewOf = ({ correlationId, failedAt, id, message, payload, reason, workerId }: StoredLetter) => {
  const bytes = Buffer.from(Option.getOrElse(payload, () => new Uint8Array()))
  const text = bytes.toString("utf8")
  const isText = Buffer.from(text).equals(bytes)
  return {
    id,
    reason,
    message,
    correlationId: Option.getOrNull(correlationId),
    workerId: Option.getOrNull(workerId),
    failedAt: millis(failedAt),
    payload: isText ? text : bytes.toString("base64"),
    isText
  } satisfies DeadLetterView
}
