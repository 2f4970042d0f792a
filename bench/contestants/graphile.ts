import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Contestant } from "../Contestant.ts"
import { graphileTask } from "../peers/names.ts"
import { startPeer } from "./startPeer.ts"

/** graphile-worker, whose jobs are rows. */
export const graphile: Contestant = {
  name: "graphile-worker",
  place: {
    // Its jobs are made of the requests' rows, in one statement, which nobody sees before it is committed.
    stage: () => Effect.void,
    release: Effect.fnUntraced(function* ({ name }) {
      const sql = yield* SqlClient.SqlClient
      yield* sql`
        SELECT count(*) FROM graphile_worker.add_jobs((
          SELECT array_agg(json_populate_record(NULL::graphile_worker.job_spec, json_build_object(
            'identifier', ${graphileTask}::text,
            'payload', json_build_object('correlation_id', correlation_id, 'account_id', account_id,
              'principal', principal, 'entitlement', entitlement)
          )))
          FROM csb_app.csb_requests WHERE client_req_id = ${name}
        ))`
    }),
    left: Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* sql`SELECT FROM graphile_worker.jobs LIMIT 1`
      return rows.map(() => "graphile_worker.jobs")
    })
  },
  start: startPeer("graphile")
}
