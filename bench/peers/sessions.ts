import { IAMClient } from "@aws-sdk/client-iam"
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts"
import { defaultMaster } from "../../local/aws/Credentials.ts"
import { region, roleName, sessionName } from "../plan.ts"

const timeout = 10_000

/** The SDK's own HTTP client, which keeps so many connections open. */
const requestHandler = (connections: number) => ({
  connectionTimeout: timeout,
  requestTimeout: timeout,
  throwOnRequestTimeout: true,
  socketTimeout: timeout,
  httpAgent: { keepAlive: true, maxSockets: connections }
})

export const stsClient = (endpoint: string, connections: number): STSClient =>
  new STSClient({
    region,
    endpoint,
    maxAttempts: 1,
    credentials: { accessKeyId: defaultMaster.accessKeyId, secretAccessKey: defaultMaster.secretAccessKey },
    requestHandler: requestHandler(connections)
  })

/** Assumes the account's role: an IAM client with the session's keys, over the connections of `sts`. */
export const assume = async (sts: STSClient, endpoint: string, accountId: string): Promise<IAMClient> => {
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${accountId}:role/${roleName}`, RoleSessionName: sessionName })
  )
  return new IAMClient({
    region,
    endpoint,
    maxAttempts: 1,
    credentials: {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? ""
    },
    requestHandler: sts.config.requestHandler
  })
}

/** One session for each account, which is assumed when it is first asked for, and then reused. */
export const sessions = (endpoint: string, connections: number) => {
  const sts = stsClient(endpoint, connections)
  const clients = new Map<string, Promise<IAMClient>>()
  return (accountId: string): Promise<IAMClient> => {
    const known = clients.get(accountId)
    if (known !== undefined) return known
    const assumed = assume(sts, endpoint, accountId)
    clients.set(accountId, assumed)
    // A session that could not be assumed is asked for again.
    assumed.catch(() => clients.delete(accountId))
    return assumed
  }
}
