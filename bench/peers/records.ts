import type { ClientBase } from "pg"

/** Of a payload, what the peers need. */
export interface Payload {
  readonly correlation_id: string
  readonly account_id: string
  readonly principal: string
  readonly entitlement: string
}

/** Runs statements in a transaction of one connection. */
export const inTransaction = async <A>(client: ClientBase, run: () => Promise<A>): Promise<A> => {
  await client.query("BEGIN")
  try {
    const result = await run()
    await client.query("COMMIT")
    return result
  } catch (error) {
    await client.query("ROLLBACK")
    throw error
  }
}

/** PENDING → IN_PROGRESS with its audit row; false when the request is not pending, so that nothing is done twice. */
export const claim = (client: ClientBase, id: string): Promise<boolean> =>
  inTransaction(client, async () => {
    const { rowCount } = await client.query({
      name: "claim",
      text: `UPDATE csb_requests SET status = 'IN_PROGRESS', last_upd_time_stamp = now()
        WHERE correlation_id = $1 AND cloud_provider = 'aws' AND status = 'PENDING'`,
      values: [id]
    })
    if (rowCount === 0) return false
    await audit(client, id, "IN_PROGRESS", "Claimed")
    return true
  })

/** IN_PROGRESS → SUCCESS with its audit row and AWS's request id. */
export const settle = (client: ClientBase, id: string, reference: string): Promise<void> =>
  inTransaction(client, async () => {
    const { rowCount } = await client.query({
      name: "settle",
      text: `UPDATE csb_requests SET status = 'SUCCESS', last_upd_time_stamp = now()
        WHERE correlation_id = $1 AND cloud_provider = 'aws' AND status = 'IN_PROGRESS'`,
      values: [id]
    })
    if (rowCount === 0) throw new Error(`${id} is not in progress any more`)
    await audit(client, id, "SUCCESS", "Attached")
    await client.query({
      name: "refer",
      text: "INSERT INTO csb_requests_ref (cloud_provider, correlation_id, ref_id) VALUES ('aws', $1, $2)",
      values: [id, reference]
    })
  })

const audit = (client: ClientBase, id: string, status: string, log: string) =>
  client.query({
    name: "audit",
    text: "INSERT INTO csb_requests_audit (correlation_id, status, audit_log) VALUES ($1, $2, $3)",
    values: [id, status, log]
  })
