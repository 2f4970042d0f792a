import { parseArgs } from "node:util"

const text = { type: "string", default: "" } as const

/** What each peer is told on its command line: where the servers are, and how much it may do at once. */
export const { values: options } = parseArgs({
  options: { aws: text, redis: text, postgres: text, password: text, concurrency: text }
})

export const concurrency = Number(options.concurrency)

const address = (hostAndPort: string) => {
  const [host = "", port] = hostAndPort.split(":")
  return { host, port: Number(port) }
}

export const redisAddress = address(options.redis)

/** How to connect to PostgreSQL as the worker's role. */
export const database = {
  ...address(options.postgres),
  user: "csb_aws_user",
  password: options.password,
  database: "postgres"
}
