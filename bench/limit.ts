/**
 * The limit: what AWS's SDK alone costs. Makes calls with the SDK's own HTTP client, one session for each account and as many
 * calls in flight as the worker, and does nothing else. Prints `warm`; makes the measured calls once its stdin ends;
 * prints what they took.
 */
import { once } from "node:events"
import { parseArgs } from "node:util"
import { AttachUserPolicyCommand } from "@aws-sdk/client-iam"
import { sessions } from "./peers/sessions.ts"
import { firstAccount, policy, warmUpJobs } from "./plan.ts"

const text = { type: "string", default: "" } as const
const { values } = parseArgs({
  options: { endpoint: text, name: text, calls: text, accounts: text, concurrency: text }
})
const concurrency = Number(values.concurrency)
const clientFor = sessions(values.endpoint, concurrency)

const clients = await Promise.all(
  Array.from({ length: Number(values.accounts) }, (_, index) => clientFor(String(firstAccount + index)))
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
for (const client of clients) client.destroy()
