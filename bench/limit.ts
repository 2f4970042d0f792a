/**
 * The limit: what AWS's SDK alone costs. Makes calls as the worker does, with the same client options, one session for each
 * account and as many calls in flight, and does nothing else. Prints `warm`; makes the measured calls once its stdin ends;
 * prints what they took.
 */
import { once } from "node:events"
import { parseArgs } from "node:util"
import { AttachUserPolicyCommand, IAMClient } from "@aws-sdk/client-iam"
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts"
import { defaultMaster } from "../local/aws/Credentials.ts"
import { firstAccount, policy, region, roleName, sessionName, warmUpJobs } from "./plan.ts"

const text = { type: "string", default: "" } as const
const { values } = parseArgs({
  options: { endpoint: text, name: text, calls: text, accounts: text, concurrency: text }
})
const concurrency = Number(values.concurrency)
const timeout = 10_000

const sts = new STSClient({
  region,
  endpoint: values.endpoint,
  maxAttempts: 1,
  credentials: { accessKeyId: defaultMaster.accessKeyId, secretAccessKey: defaultMaster.secretAccessKey },
  requestHandler: {
    connectionTimeout: timeout,
    requestTimeout: timeout,
    throwOnRequestTimeout: true,
    socketTimeout: timeout,
    httpAgent: { keepAlive: true, maxSockets: concurrency }
  }
})

const clientOf = async (accountId: string): Promise<IAMClient> => {
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${accountId}:role/${roleName}`, RoleSessionName: sessionName })
  )
  return new IAMClient({
    region,
    endpoint: values.endpoint,
    maxAttempts: 1,
    credentials: {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? ""
    },
    requestHandler: sts.config.requestHandler
  })
}

const clients = await Promise.all(
  Array.from({ length: Number(values.accounts) }, (_, index) => clientOf(String(firstAccount + index)))
)

const attach = async (name: string, calls: number): Promise<void> => {
  let next = 0
  const lane = async () => {
    while (next < calls) {
      const number = next++
      const UserName = `${name}-${number}`
      const PolicyArn = `arn:aws:iam::aws:policy/${policy}`
      await clients[number % clients.length]?.send(new AttachUserPolicyCommand({ UserName, PolicyArn }))
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
}

await attach(`${values.name}-warm`, warmUpJobs)
process.stdout.write("warm\n")

await once(process.stdin.resume(), "end")
const startedAt = performance.now()
const cpuBefore = process.cpuUsage()
await attach(values.name, Number(values.calls))
const { system, user } = process.cpuUsage(cpuBefore)
process.stdout.write(`${JSON.stringify({ cpu: (user + system) / 1_000, wall: performance.now() - startedAt })}\n`)
sts.destroy()
