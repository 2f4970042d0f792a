/**
 * The seed's design: one job at a time. BRPOP, is the row PENDING, lock it, assume the role, an IAM client for this job, call,
 * record. One connection to PostgreSQL. Prints `ready`; ends on SIGTERM.
 */
import { AttachUserPolicyCommand } from "@aws-sdk/client-iam"
import { Redis } from "ioredis"
import { Client } from "pg"
import { queue } from "../plan.ts"
import { database, options, redisAddress } from "./options.ts"
import { claim, type Payload, settle } from "./records.ts"
import { assume, stsClient } from "./sessions.ts"

const redis = new Redis(redisAddress)
const client = new Client(database)
await client.connect()

const isPending = async (id: string): Promise<boolean> => {
  const { rows } = await client.query({
    name: "validate",
    text: "SELECT status FROM csb_requests WHERE correlation_id = $1 AND status = 'PENDING'",
    values: [id]
  })
  return rows.length > 0
}

const carryOut = async (payload: Payload): Promise<void> => {
  const { account_id, correlation_id, entitlement, principal } = payload
  if (!(await isPending(correlation_id)) || !(await claim(client, correlation_id))) return
  const sts = stsClient(options.aws, 1)
  const iam = await assume(sts, options.aws, account_id)
  const { $metadata } = await iam.send(
    new AttachUserPolicyCommand({ UserName: principal, PolicyArn: `arn:aws:iam::aws:policy/${entitlement}` })
  )
  // And with it the connections, which both clients share.
  sts.destroy()
  await settle(client, correlation_id, $metadata.requestId ?? "")
}

const ending = new AbortController()
process.once("SIGTERM", () => ending.abort())
process.stdout.write("ready\n")
while (!ending.signal.aborted) {
  const taken = await redis.brpop(queue, 1)
  if (taken !== null) await carryOut(JSON.parse(taken[1]))
}
redis.disconnect()
await client.end()
