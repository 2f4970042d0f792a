import { ConfigProvider, Option } from "effect"
import type { LocalAws } from "../local/aws/LocalAws.ts"
import type { PostgresServer } from "../local/postgres.ts"
import type { RedisServer } from "../local/redis.ts"

/** Attempts within a delivery, and deliveries before a job fails. */
export const retries = { attempts: 4, deliveries: 3 }

export const workerId = "demo-worker"

/** Where the worker differs from its defaults: mostly so that seconds show what else takes minutes. */
const settings = {
  WORKER_ID: workerId,
  AWS_REGION: "eu-central-1",
  AWS_CALL_TIMEOUT: "4 seconds",
  RETRY_MAX_ATTEMPTS: String(retries.attempts),
  JOB_MAX_DELIVERIES: String(retries.deliveries),
  SHUTDOWN_GRACE: "3 seconds",
  RECOVERY_INTERVAL: "1 second",
  POLICY_DENY: "arn:aws:iam::aws:policy/AdministratorAccess, arn:aws:iam::aws:policy/IAMFullAccess",
  HTTP_HOST: "127.0.0.1",
  HTTP_PORT: "0"
}

interface Surroundings {
  readonly postgres: PostgresServer
  readonly redis: Option.Option<RedisServer>
  readonly aws: LocalAws["Service"]
}

/** The variables of the worker, or of another that uses the database as `user`; the process's own have no say. */
export const environment = (
  { aws, postgres, redis }: Surroundings,
  user: "postgres" | "csb_api_user" | "csb_aws_user"
) =>
  ConfigProvider.layer(
    ConfigProvider.fromEnv({
      env: {
        ...settings,
        AWS_ENDPOINT_URL: aws.url,
        AWS_ACCESS_KEY: aws.master.accessKeyId,
        AWS_SECRET_KEY: aws.master.secretAccessKey,
        DB_HOST: postgres.host,
        DB_PORT: String(postgres.port),
        DB_USER: user,
        DB_PASSWORD: postgres.password,
        DB_NAME: "postgres",
        ...Option.match(redis, {
          // Required, but nothing connects to it.
          onNone: () => ({ REDIS_HOST: "in-memory" }),
          onSome: ({ host, port }) => ({ REDIS_HOST: host, REDIS_PORT: String(port) })
        })
      }
    })
  )
