import { AttachUserPolicyCommand } from "@aws-sdk/client-iam"
import { Pool } from "pg"
import { concurrency, database, options } from "./options.ts"
import { claim, type Payload, settle } from "./records.ts"
import { sessions } from "./sessions.ts"

/** The default of `pg`. More made no difference here. */
const connections = 10

/** What a job is to BullMQ's worker and to graphile-worker alike, as a careful user of either would write it. */
export const makeHandler = () => {
  const pool = new Pool({ ...database, max: connections })
  const iamOf = sessions(options.aws, concurrency)

  const withConnection = async <A>(run: (client: Parameters<typeof claim>[0]) => Promise<A>): Promise<A> => {
    const client = await pool.connect()
    try {
      return await run(client)
    } finally {
      client.release()
    }
  }

  return {
    handle: async ({ account_id, correlation_id, entitlement, principal }: Payload): Promise<void> => {
      if (!(await withConnection((client) => claim(client, correlation_id)))) return
      const iam = await iamOf(account_id)
      const { $metadata } = await iam.send(
        new AttachUserPolicyCommand({ UserName: principal, PolicyArn: `arn:aws:iam::aws:policy/${entitlement}` })
      )
      await withConnection((client) => settle(client, correlation_id, $metadata.requestId ?? ""))
    },
    close: () => pool.end()
  }
}
