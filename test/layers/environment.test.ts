import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Duration, Effect, FileSystem, Layer, Option, PlatformError, Redacted } from "effect"
import { ConfigLive, DatabaseConfigLive } from "../../src/layers/environment/ConfigLive.ts"
import {
  AwsConfig,
  ConfigInvalid,
  DatabaseConfig,
  HttpConfig,
  LogConfig,
  RedisConfig,
  TelemetryConfig,
  WorkerConfig
} from "../../src/services/Config.ts"

const needed = {
  AWS_REGION: "eu-central-1",
  REDIS_HOST: "redis",
  DB_HOST: "db",
  DB_USER: "csb_aws_user",
  DB_PASSWORD: "db-secret",
  DB_NAME: "csb"
}

/** What the files hold that the environment names. */
const read = (env: Record<string, string>, files: Record<string, string> = {}, looks: Array<string> = []) =>
  Layer.build(ConfigLive).pipe(
    Effect.scoped,
    Effect.provide(
      FileSystem.layerNoop({
        readFileString: (path) =>
          Effect.suspend(() => {
            looks.push(path)
            return files[path] === undefined
              ? Effect.fail(
                  PlatformError.systemError({
                    _tag: "NotFound",
                    module: "FileSystem",
                    method: "readFileString",
                    pathOrDescriptor: path
                  })
                )
              : Effect.succeed(files[path])
          })
      })
    ),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env, preserveEmptyStrings: true }))
  )
const faultsOf = (env: Record<string, string>, files?: Record<string, string>) =>
  Effect.map(Effect.flip(read(env, files)), (error) => {
    assert.instanceOf(error, ConfigInvalid)
    return error.faults
  })

describe("the environment", () => {
  it.effect("has the README's defaults", () =>
    Effect.gen(function* () {
      const context = yield* read(needed)
      assert.deepStrictEqual(Context.get(context, AwsConfig), {
        region: "eu-central-1",
        partition: "aws",
        credentials: Option.none(),
        roleName: "cSecBridgeIAMHandlerRole",
        roleSessionName: "cSecBridgeWorkerSession",
        externalId: Option.none(),
        sessionScope: "account",
        sourceIdentity: false,
        callTimeout: Duration.seconds(10),
        stsEndpoint: Option.none(),
        iamEndpoint: Option.none()
      })
      assert.deepInclude(Context.get(context, RedisConfig), {
        servers: { _tag: "Single", address: { host: "redis", port: 6379 } },
        username: Option.none(),
        password: Option.none(),
        tls: false,
        queue: "queue:aws",
        fetchMode: "blmove"
      })
      assert.deepInclude(Context.get(context, DatabaseConfig), {
        host: "db",
        port: 5432,
        user: "csb_aws_user",
        database: "csb",
        maxConnections: 10,
        ssl: "disable"
      })
      const { workerId, ...worker } = Context.get(context, WorkerConfig)
      assert.match(workerId, /^.+-[0-9a-f]{8}$/)
      assert.deepInclude(worker, {
        concurrency: 64,
        retryMaxAttempts: 5,
        retryBaseDelay: Duration.millis(200),
        retryMaxDelay: Duration.seconds(10),
        maxDeliveries: 10,
        unknownJobGrace: Duration.seconds(3),
        shutdownGrace: Duration.seconds(25),
        policyRules: { deny: [], allow: Option.none() },
        principalDeny: [
          "arn:*:iam::*:role/cSecBridgeIAMHandlerRole",
          "arn:*:iam::*:role/aws-service-role/*",
          "arn:*:iam::*:role/aws-reserved/*"
        ],
        durationUnsupported: "fail"
      })
      assert.deepStrictEqual(Context.get(context, HttpConfig), {
        host: "0.0.0.0",
        port: 8080,
        adminToken: Option.none()
      })
      assert.deepStrictEqual(Context.get(context, LogConfig), { level: "Info", format: "json" })
      assert.deepStrictEqual(Context.get(context, TelemetryConfig), {
        endpoint: Option.none(),
        serviceName: "worker-service-aws"
      })
    })
  )

  it.effect("takes the variables that are set", () =>
    Effect.gen(function* () {
      const context = yield* read(
        {
          ...needed,
          AWS_REGION: "cn-north-1",
          AWS_ACCESS_KEY: "AKIA",
          AWS_SECRET_KEY: "aws-secret",
          AWS_ASSUME_ROLE_NAME: "Handler",
          AWS_ROLE_SESSION_NAME: "Session",
          AWS_EXTERNAL_ID: "ext:1/2",
          AWS_SESSION_SCOPE: "job",
          AWS_SOURCE_IDENTITY: "on",
          AWS_CALL_TIMEOUT: "250 millis",
          AWS_ENDPOINT_URL: "http://localhost:1",
          AWS_ENDPOINT_URL_STS: "http://localhost:2",
          REDIS_PORT: "6380",
          REDIS_USERNAME: "worker",
          REDIS_PASSWORD: "redis-secret",
          REDIS_TLS: "true",
          REDIS_QUEUE_AWS: "jobs",
          REDIS_FETCH_MODE: "brpop",
          DB_PORT: "5433",
          DB_POOL_MAX_CONN: "1",
          DB_SSL: "verify-full",
          DB_SSL_CA: "/ca.pem",
          WORKER_ID: "w-1",
          WORKER_CONCURRENCY: "8",
          RETRY_MAX_ATTEMPTS: "1",
          RETRY_BASE_DELAY: "1 second",
          RETRY_MAX_DELAY: "1 minute",
          JOB_MAX_DELIVERIES: "0",
          UNKNOWN_JOB_GRACE: "0 seconds",
          SHUTDOWN_GRACE: "5 seconds",
          POLICY_DENY: "arn:aws:iam::aws:policy/AdministratorAccess, *IAMFullAccess",
          POLICY_ALLOW: "arn:aws:iam::aws:policy/*",
          PRINCIPAL_DENY: "arn:aws:iam::*:role/break-glass*, *admin*,*:user/root",
          DURATION_UNSUPPORTED: "ignore",
          HTTP_HOST: "127.0.0.1",
          HTTP_PORT: "0",
          HTTP_ADMIN_TOKEN: "open sesame",
          LOG_LEVEL: "debug",
          LOG_FORMAT: "pretty"
        },
        { "/ca.pem": "-----BEGIN CERTIFICATE-----" }
      )
      const aws = Context.get(context, AwsConfig)
      assert.strictEqual(aws.partition, "aws-cn")
      assert.deepInclude(aws, { sessionScope: "job", sourceIdentity: true })
      const { accessKeyId, secretAccessKey } = yield* Option.getOrThrow(aws.credentials)
      assert.deepStrictEqual([accessKeyId, secretAccessKey].map(Redacted.value), ["AKIA", "aws-secret"])
      assert.deepStrictEqual(aws.stsEndpoint, Option.some("http://localhost:2"))
      assert.deepStrictEqual(aws.iamEndpoint, Option.some("http://localhost:1"))
      const worker = Context.get(context, WorkerConfig)
      assert.strictEqual(worker.workerId, "w-1")
      assert.deepStrictEqual(worker.policyRules, {
        deny: ["arn:aws:iam::aws:policy/AdministratorAccess", "*IAMFullAccess"],
        allow: Option.some(["arn:aws:iam::aws:policy/*"])
      })
      assert.deepStrictEqual(worker.principalDeny, ["arn:aws:iam::*:role/break-glass*", "*admin*", "*:user/root"])
      assert.strictEqual(Duration.toMillis(worker.unknownJobGrace), 0)
      assert.deepInclude(Context.get(context, RedisConfig), {
        servers: { _tag: "Single", address: { host: "redis", port: 6380 } },
        tls: true,
        queue: "jobs",
        fetchMode: "brpop"
      })
      assert.deepInclude(Context.get(context, DatabaseConfig), {
        port: 5433,
        maxConnections: 1,
        ssl: "verify-full",
        sslCa: Option.some("-----BEGIN CERTIFICATE-----")
      })
      const { adminToken, ...address } = Context.get(context, HttpConfig)
      assert.deepStrictEqual(address, { host: "127.0.0.1", port: 0 })
      assert.strictEqual(Redacted.value(yield* Option.getOrThrow(adminToken)), "open sesame")
      assert.deepStrictEqual(Context.get(context, LogConfig), { level: "Debug", format: "pretty" })
    })
  )

  it.effect("tells every fault at once, each once, and exits with 78", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        read({ DB_PORT: "five", REDIS_HOST: "", AWS_ACCESS_KEY: "AKIA", HTTP_PORT: "70000" })
      )
      assert.instanceOf(error, ConfigInvalid)
      assert.strictEqual(error["~effect/Runtime/errorExitCode"], 78)
      assert.sameMembers(
        error.faults.map((fault) => fault.split(":")[0]),
        [
          "AWS_REGION",
          "AWS_SECRET_KEY",
          "DB_HOST",
          "DB_PORT",
          "DB_USER",
          "DB_PASSWORD",
          "DB_NAME",
          "HTTP_PORT",
          "REDIS_HOST"
        ]
      )
      for (const fault of error.faults) assert.include(error.message, fault)
    })
  )

  it.effect.each([
    ["AWS_REGION", "Frankfurt"],
    ["AWS_ASSUME_ROLE_NAME", "team/role"],
    ["AWS_ROLE_SESSION_NAME", "x"],
    ["AWS_EXTERNAL_ID", "no blanks"],
    ["AWS_CALL_TIMEOUT", "0 seconds"],
    ["AWS_CALL_TIMEOUT", "ten seconds"],
    ["AWS_ENDPOINT_URL", "localhost"],
    ["AWS_ENDPOINT_URL_IAM", "ftp://localhost"],
    ["REDIS_PORT", "0"],
    ["REDIS_PORT", "6379.5"],
    ["REDIS_CLUSTER", "perhaps"],
    ["REDIS_TLS", "maybe"],
    ["REDIS_FETCH_MODE", "xread"],
    ["DB_PORT", "65536"],
    ["DB_POOL_MAX_CONN", "0"],
    ["DB_SSL", "prefer"],
    ["WORKER_ID", "has blanks"],
    ["WORKER_CONCURRENCY", "-1"],
    ["ACCOUNT_CONCURRENCY", "0"],
    ["RETRY_MAX_ATTEMPTS", "0"],
    ["RETRY_BASE_DELAY", "-1 seconds"],
    ["RETRY_MAX_DELAY", "Infinity"],
    ["JOB_MAX_DELIVERIES", "-1"],
    ["JOB_LEASE", "soon"],
    ["RECOVERY_INTERVAL", "15"],
    ["ORPHAN_AFTER", "x"],
    // By then there was no such time as PostgreSQL could read.
    ["ORPHAN_AFTER", "1000000 days"],
    ["UNKNOWN_JOB_GRACE", "x"],
    ["SHUTDOWN_GRACE", "x"],
    ["HTTP_PORT", "http"],
    ["POLICY_DENY", "AdministratorAccess"],
    ["POLICY_ALLOW", "arn:aws:iam::aws:policy/A,,"],
    ["POLICY_ALLOW", ""],
    ["PRINCIPAL_DENY", "admin"],
    ["PRINCIPAL_DENY", "arn:aws:iam::*:role/team/admin"],
    ["PRINCIPAL_DENY", "arn:aws:iam::*:policy/Admin"],
    ["AWS_SESSION_SCOPE", "request"],
    ["AWS_SOURCE_IDENTITY", "maybe"],
    ["DURATION_UNSUPPORTED", "maybe"],
    ["LOG_LEVEL", "loud"],
    ["LOG_FORMAT", "xml"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@collector:4318"]
  ] as const)("refuses %s=%s, and does not repeat the value", ([name, value]) =>
    Effect.gen(function* () {
      const faults = yield* faultsOf({ ...needed, [name]: value })
      assert.strictEqual(faults.length, 1)
      assert.match(faults[0], new RegExp(`^${name}: \\S`))
      if (value.length > 2) assert.notInclude(faults[0].slice(name.length), value)
    })
  )

  it.effect("takes an empty variable for a missing one", () =>
    Effect.gen(function* () {
      const context = yield* read({ ...needed, REDIS_PORT: "", POLICY_DENY: "", REDIS_PASSWORD: "" })
      assert.deepInclude(Context.get(context, RedisConfig), {
        servers: { _tag: "Single", address: { host: "redis", port: 6379 } },
        password: Option.none()
      })
    })
  )

  it.effect.each([
    ["True", true],
    ["1", true],
    ["FALSE", false],
    ["off", false]
  ] as const)("takes REDIS_TLS=%s, as Python does", ([text, tls]) =>
    Effect.gen(function* () {
      assert.strictEqual(Context.get(yield* read({ ...needed, REDIS_TLS: text }), RedisConfig).tls, tls)
    })
  )

  it.effect.each([
    ["WARNING", "Warn"],
    ["Critical", "Fatal"],
    ["info", "Info"]
  ] as const)("takes LOG_LEVEL=%s, as Python does", ([text, level]) =>
    Effect.gen(function* () {
      assert.strictEqual(Context.get(yield* read({ ...needed, LOG_LEVEL: text }), LogConfig).level, level)
    })
  )

  it.effect("keeps secrets redacted", () =>
    Effect.gen(function* () {
      const context = yield* read({
        ...needed,
        AWS_ACCESS_KEY: "AKIA",
        AWS_SECRET_KEY: "s3cr3t-a",
        REDIS_PASSWORD: "s3cr3t-r",
        DB_PASSWORD: "s3cr3t-d"
      })
      const shown = JSON.stringify([
        Context.get(context, AwsConfig),
        Context.get(context, RedisConfig),
        Context.get(context, DatabaseConfig)
      ])
      assert.notInclude(shown, "s3cr3t")
    })
  )

  it.effect("looks into each file once", () =>
    Effect.gen(function* () {
      const { DB_PASSWORD: _, ...env } = needed
      const looks: Array<string> = []
      yield* read({ ...env, DB_PASSWORD_FILE: "/password" }, { "/password": "secret" }, looks)
      assert.deepStrictEqual(looks, ["/password"])
    })
  )

  it.effect("takes secrets from files, without the newline at their end, and looks again each time", () =>
    Effect.gen(function* () {
      const { DB_PASSWORD: _, REDIS_HOST: __, ...env } = needed
      const names = ["DB_PASSWORD", "REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD", "AWS_ACCESS_KEY", "AWS_SECRET_KEY"]
      const files = Object.fromEntries(names.map((name) => [`/${name}`, `old ${name}\n`]))
      const context = yield* read(
        {
          ...env,
          ...Object.fromEntries(names.map((name) => [`${name}_FILE`, `/${name}`])),
          REDIS_SENTINELS: "s:1",
          REDIS_SENTINEL_NAME: "main"
        },
        files
      )
      const redis = Context.get(context, RedisConfig)
      assert(redis.servers._tag === "Sentinel")
      const keys = Option.getOrThrow(Context.get(context, AwsConfig).credentials)
      const secrets = Effect.map(
        Effect.all([
          Context.get(context, DatabaseConfig).password,
          Option.getOrThrow(redis.password),
          Option.getOrThrow(redis.servers.password),
          Effect.map(keys, ({ accessKeyId }) => accessKeyId),
          Effect.map(keys, ({ secretAccessKey }) => secretAccessKey)
        ]),
        (all) => all.map(Redacted.value)
      )
      assert.deepStrictEqual(
        yield* secrets,
        names.map((name) => `old ${name}`)
      )
      for (const name of names) files[`/${name}`] = `new ${name}`
      assert.deepStrictEqual(
        yield* secrets,
        names.map((name) => `new ${name}`)
      )
      // While it is being written.
      for (const name of names) files[`/${name}`] = ""
      assert.deepStrictEqual(
        yield* secrets,
        names.map((name) => `new ${name}`)
      )
      for (const name of names) delete files[`/${name}`]
      assert.deepStrictEqual(
        yield* secrets,
        names.map((name) => `new ${name}`)
      )
    })
  )

  it.effect.each([
    ["HTTP_ADMIN_TOKEN_FILE", "/nowhere", /\/nowhere/],
    ["REDIS_PASSWORD_FILE", "/empty", /\/empty is empty/],
    ["DB_PASSWORD_FILE", "/secret", /DB_PASSWORD is; unset one/],
    ["DB_SSL_CA", "/nowhere", /\/nowhere/],
    ["REDIS_TLS_CA", "/secret", /\/secret has no PEM certificate/],
    ["AWS_ACCESS_KEY_FILE", "/secret", /AWS_SECRET_KEY: missing/]
  ] as const)("refuses %s=%s, and does not tell what is in the file", ([name, path, reason]) =>
    Effect.gen(function* () {
      const faults = yield* faultsOf({ ...needed, [name]: path }, { "/secret": "s3cr3t", "/empty": "\n" })
      assert.strictEqual(faults.length, 1)
      assert.match(faults[0], reason)
      assert.notInclude(faults[0], "s3cr3t")
    })
  )

  it.effect("knows Redis as a cluster, and behind sentinels, which need no REDIS_HOST", () =>
    Effect.gen(function* () {
      const { REDIS_HOST: _, ...env } = needed
      const serversOf = (changes: Record<string, string>) =>
        Effect.map(read({ ...env, ...changes }), (context) => Context.get(context, RedisConfig).servers)
      assert.deepStrictEqual(yield* serversOf({ REDIS_HOST: "redis", REDIS_CLUSTER: "true" }), {
        _tag: "Cluster",
        seed: { host: "redis", port: 6379 }
      })
      assert.deepStrictEqual(
        yield* serversOf({ REDIS_SENTINELS: "a:1, [fe80::1]:26379", REDIS_SENTINEL_NAME: "main" }),
        {
          _tag: "Sentinel",
          sentinels: [
            { host: "a", port: 1 },
            { host: "fe80::1", port: 26379 }
          ],
          master: "main",
          password: Option.none()
        }
      )
      const faults = yield* faultsOf({ ...env, REDIS_SENTINELS: "a,b:0", REDIS_CLUSTER: "true" })
      assert.deepStrictEqual(
        faults.map((fault) => fault.split(":")[0]),
        ["REDIS_SENTINELS", "REDIS_SENTINEL_NAME", "REDIS_CLUSTER"]
      )
    })
  )

  it.effect("asks a command for its own part only", () =>
    Effect.gen(function* () {
      const { DB_NAME: _, AWS_REGION: __, ...env } = needed
      const error = yield* Effect.flip(Effect.scoped(Layer.build(DatabaseConfigLive))).pipe(
        Effect.provide(FileSystem.layerNoop({})),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
      )
      assert.deepStrictEqual(error.faults, ["DB_NAME: missing"])
    })
  )
})
