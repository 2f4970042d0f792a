import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect, Schema } from "effect"
import { inject } from "vitest"
import { parse } from "yaml"
import { emptyDatabase } from "../database.ts"
import { runCommand, startWorker } from "../process/program.ts"
import { awaitStatus, request, World, world } from "../process/world.ts"
import { chart, hasHelm, Helm, type Manifest, type Values } from "./Helm.ts"
import { typeFaults } from "./kubernetesTypes.ts"
import { knownVariables } from "./knownVariables.ts"

const least = {
  env: {
    AWS_REGION: "eu-central-1",
    DB_HOST: "postgres",
    DB_NAME: "csb",
    DB_USER: "csb_aws_user",
    REDIS_HOST: "redis"
  },
  secrets: { DB_PASSWORD: { name: "worker", key: "db-password" } }
}

const peer = { podSelector: { matchLabels: { app: "backend" } } }

const everything = {
  ...least,
  image: { repository: "example/worker", tag: "1.2.3" },
  imagePullSecrets: [{ name: "pull" }],
  shutdownGraceSeconds: 90,
  serviceAccount: { roleArn: "arn:aws:iam::999999999999:role/csb-aws-worker" },
  env: { ...least.env, REDIS_TLS: "True", REDIS_PORT: "6380", REDIS_QUEUE_AWS: "queue:aws:eu", DB_PORT: "5433" },
  volumes: [{ name: "ca", configMap: { name: "ca" } }],
  volumeMounts: [{ name: "ca", mountPath: "/etc/csb/ca", readOnly: true }],
  nodeSelector: { "kubernetes.io/arch": "arm64" },
  tolerations: [{ key: "spot", operator: "Exists" }],
  networkPolicy: { redisTo: [peer], postgresTo: [peer], extraEgress: [{ ports: [{ port: 4318 }] }] },
  serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
  autoscaling: { enabled: true, secret: { name: "scaler" } },
  migration: { enabled: true, password: { name: "owner", key: "password" } }
}

const SecretVolume = Schema.Struct({
  sources: Schema.Array(
    Schema.Struct({
      secret: Schema.Struct({
        name: Schema.String,
        items: Schema.Array(Schema.Struct({ key: Schema.String, path: Schema.String }))
      })
    })
  )
})

/** What we look at in the pods of a deployment or a job. */
const Workload = Schema.Struct({
  spec: Schema.Struct({
    replicas: Schema.optionalKey(Schema.Int),
    template: Schema.Struct({
      spec: Schema.Struct({
        automountServiceAccountToken: Schema.Boolean,
        securityContext: Schema.Unknown,
        terminationGracePeriodSeconds: Schema.optionalKey(Schema.Int),
        volumes: Schema.Array(Schema.Struct({ name: Schema.String, projected: Schema.optionalKey(SecretVolume) })),
        containers: Schema.NonEmptyArray(
          Schema.Struct({
            image: Schema.String,
            args: Schema.optionalKey(Schema.Array(Schema.String)),
            env: Schema.Array(Schema.Struct({ name: Schema.String, value: Schema.String })),
            volumeMounts: Schema.Array(Schema.Struct({ name: Schema.String, mountPath: Schema.String })),
            securityContext: Schema.Unknown
          })
        )
      })
    })
  })
})

const Rule = Schema.Struct({
  ports: Schema.Array(Schema.Struct({ port: Schema.Int, protocol: Schema.optionalKey(Schema.String) })),
  to: Schema.optionalKey(Schema.Array(Schema.Unknown))
})
const NetworkPolicy = Schema.Struct({ spec: Schema.Struct({ egress: Schema.Array(Rule) }) })

const manifestOf = (manifests: ReadonlyArray<typeof Manifest.Type>, kind: string) => {
  const found = manifests.find((manifest) => manifest.kind === kind)
  assert.isDefined(found, kind)
  return found
}

const podOf = (manifests: ReadonlyArray<typeof Manifest.Type>, kind: string) =>
  Effect.map(Schema.decodeUnknownEffect(Workload)(manifestOf(manifests, kind)), ({ spec }) => spec.template.spec)

/** A pod's environment, with the files that Kubernetes would mount from these secrets: `NAME/KEY`. */
const environmentOf = Effect.fnUntraced(function* (
  pod: (typeof Workload.Type)["spec"]["template"]["spec"],
  secrets: Readonly<Record<string, string>>
) {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "worker-secrets-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const [{ env, volumeMounts }] = pod.containers
  for (const { mountPath, name } of volumeMounts) {
    const files = pod.volumes.find((volume) => volume.name === name)?.projected?.sources ?? []
    yield* Effect.promise(() => mkdir(join(folder, mountPath), { recursive: true }))
    for (const { secret } of files) {
      for (const { key, path } of secret.items) {
        const text = secrets[`${secret.name}/${key}`] ?? ""
        yield* Effect.promise(() => writeFile(join(folder, mountPath, path), text))
      }
    }
  }
  const paths = volumeMounts.map(({ mountPath }) => mountPath)
  return Object.fromEntries(
    env.map(({ name, value }) => [name, paths.some((path) => value.startsWith(path)) ? join(folder, value) : value])
  )
})

describe.skipIf(!hasHelm)("the chart", () => {
  layer(Helm.layer)((it) => {
    it.effect("renders what Kubernetes, KEDA and the Prometheus operator know", () =>
      Effect.gen(function* () {
        const { render, run } = yield* Helm
        const few = yield* render(least)
        assert.deepStrictEqual(few.map(({ kind }) => kind).toSorted(), [
          "Deployment",
          "NetworkPolicy",
          "PodDisruptionBudget",
          "Service",
          "ServiceAccount"
        ])
        const all = yield* render(everything)
        assert.deepStrictEqual(
          all
            .map(({ kind }) => kind)
            .filter((kind) => few.every((manifest) => manifest.kind !== kind))
            .toSorted(),
          ["Job", "ScaledObject", "ServiceMonitor", "TriggerAuthentication"]
        )
        assert.strictEqual(yield* typeFaults([...few, ...all]), "")
        yield* run(least, "lint", "--strict", chart)
      })
    )

    it.effect("takes the values that deploy/README.md shows", () =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        const readme = yield* Effect.promise(() => readFile("deploy/README.md", "utf8"))
        const shown = parse(/```yaml\n([^]+?)```/.exec(readme)?.[1] ?? "")
        const account = manifestOf(yield* render(shown), "ServiceAccount")
        assert.deepInclude(account.metadata, {
          name: "csb-worker-service-aws",
          annotations: { "eks.amazonaws.com/role-arn": shown.serviceAccount.roleArn }
        })
      })
    )

    it.effect("keeps to the restricted pod security standard, as the user of the image", () =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        const manifests = yield* render(everything)
        const dockerfile = yield* Effect.promise(() => readFile("Dockerfile", "utf8"))
        const user = Number(/useradd .*--uid (\d+)/.exec(dockerfile)?.[1])
        for (const kind of ["Deployment", "Job"]) {
          const pod = yield* podOf(manifests, kind)
          assert.isFalse(pod.automountServiceAccountToken)
          assert.deepStrictEqual(pod.securityContext, {
            runAsNonRoot: true,
            runAsUser: user,
            runAsGroup: user,
            seccompProfile: { type: "RuntimeDefault" }
          })
          assert.deepStrictEqual(pod.containers[0].securityContext, {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] }
          })
          assert.strictEqual(pod.containers[0].image, "example/worker:1.2.3")
        }
      })
    )

    it.effect("gives a pod longer than its worker's drain", () =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        for (const values of [least, everything]) {
          const pod = yield* podOf(yield* render(values), "Deployment")
          const grace = pod.containers[0].env.find(({ name }) => name === "SHUTDOWN_GRACE")?.value
          const drain = yield* Schema.decodeUnknownEffect(Schema.DurationFromString)(grace)
          assert.strictEqual((pod.terminationGracePeriodSeconds ?? 0) * 1_000, Duration.toMillis(drain) + 10_000)
        }
      })
    )

    it.effect("lets the replicas be, when KEDA counts them", () =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        const manifests = yield* render(everything)
        const { spec } = yield* Schema.decodeUnknownEffect(Workload)(manifestOf(manifests, "Deployment"))
        assert.isUndefined(spec.replicas)
        assert.deepInclude(manifestOf(manifests, "ScaledObject")["spec"], {
          scaleTargetRef: { name: manifestOf(manifests, "Deployment").metadata.name },
          triggers: [
            {
              type: "redis",
              metadata: { addresses: "redis:6380", listName: "queue:aws:eu", listLength: "5000", enableTLS: "true" },
              authenticationRef: { name: manifestOf(manifests, "TriggerAuthentication").metadata.name }
            }
          ]
        })
      })
    )

    it.effect.each([
      [{ REDIS_CLUSTER: "true" }, { type: "redis-cluster", metadata: { addresses: "redis:6379" } }],
      [
        { REDIS_HOST: undefined, REDIS_SENTINELS: "s-1:26379,s-2:26380", REDIS_SENTINEL_NAME: "csb" },
        { type: "redis-sentinel", metadata: { addresses: "s-1:26379,s-2:26380", sentinelMaster: "csb" } }
      ]
    ] as const)("tells KEDA where Redis is: %j", ([env, { metadata, type }]) =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        const manifests = yield* render({
          ...least,
          env: { ...least.env, ...env },
          autoscaling: everything.autoscaling
        })
        const Scaled = Schema.Struct({
          spec: Schema.Struct({
            triggers: Schema.NonEmptyArray(
              Schema.Struct({ type: Schema.String, metadata: Schema.Record(Schema.String, Schema.String) })
            )
          })
        })
        const { spec } = yield* Schema.decodeUnknownEffect(Scaled)(manifestOf(manifests, "ScaledObject"))
        assert.strictEqual(spec.triggers[0].type, type)
        assert.deepInclude(spec.triggers[0].metadata, metadata)
      })
    )

    it.effect("opens the network to DNS, Redis, PostgreSQL and AWS alone", () =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        const egressOf = (values: Values) =>
          render(values).pipe(
            Effect.map((manifests) => manifests.filter(({ kind }) => kind === "NetworkPolicy")),
            Effect.flatMap(Schema.decodeUnknownEffect(Schema.Array(NetworkPolicy))),
            Effect.map((policies) =>
              policies.map(({ spec }) =>
                spec.egress.map(
                  ({ ports, to }) => `${ports.map(({ port }) => port).join()}${to === undefined ? "" : "!"}`
                )
              )
            )
          )
        assert.deepStrictEqual(yield* egressOf(least), [["53,53", "5432", "6379", "443"]])
        const sentinels = { REDIS_SENTINELS: "s-1:26379, s-2:26380", REDIS_SENTINEL_NAME: "csb" }
        assert.deepStrictEqual(yield* egressOf({ ...least, env: { ...least.env, ...sentinels } }), [
          ["53,53", "5432", "6379,26379,26380", "443"]
        ])
        assert.sameDeepMembers(yield* egressOf(everything), [
          ["53,53", "5433!", "6380!", "443", "4318"],
          ["53,53", "5433!"]
        ])
        assert.deepStrictEqual(yield* egressOf({ ...least, networkPolicy: { enabled: false } }), [])
      })
    )

    it.effect("knows each variable that the worker knows", () =>
      Effect.gen(function* () {
        const schema = yield* Effect.promise(() => readFile(`${chart}/values.schema.json`, "utf8"))
        const Names = Schema.Struct({ propertyNames: Schema.Struct({ enum: Schema.Array(Schema.String) }) })
        const { properties } = yield* Schema.decodeUnknownEffect(
          Schema.fromJsonString(Schema.Struct({ properties: Schema.Struct({ env: Names, secrets: Names }) }))
        )(schema)
        const settable = [...properties.env.propertyNames.enum, ...properties.secrets.propertyNames.enum]
        // What the chart sets itself, or leaves to the worker.
        const files = properties.secrets.propertyNames.enum.map((name) => `${name}_FILE`)
        const managed = [...files, "HTTP_PORT", "SHUTDOWN_GRACE", "WORKER_ID"]
        const ofNode = ["NODE_OPTIONS"]
        assert.sameMembers([...settable, ...managed], [...(yield* knownVariables), ...ofNode])
      })
    )

    it.effect.each([
      ["a variable that nobody knows", { env: { ...least.env, DB_HOTS: "postgres" } }, /DB_HOTS/],
      ["a secret in the clear", { env: { ...least.env, REDIS_PASSWORD: "hunter2" } }, /REDIS_PASSWORD/],
      ["one id for all workers", { env: { ...least.env, WORKER_ID: "w-1" } }, /WORKER_ID/],
      ["a worker without a password", { secrets: {} }, /DB_PASSWORD/],
      ["a region that is missing", { env: { ...least.env, AWS_REGION: undefined } }, /AWS_REGION/],
      ["a role that is none", { serviceAccount: { roleArn: "csb-aws-worker" } }, /roleArn/],
      ["a migration without a password", { migration: { enabled: true } }, /migration/],
      ["KEDA without a user", { autoscaling: { enabled: true } }, /autoscaling/],
      ["a value that the chart has not", { replicas: 3 }, /replicas/]
    ] as const)("refuses %s", ([, values, named]) =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        const { message } = yield* Effect.flip(render({ ...least, ...values }))
        assert.match(message, named)
        assert.notInclude(message, "hunter2")
      })
    )
  })
})

describe.skipIf(!hasHelm || inject("redis") === undefined)("the pods of the chart, as processes", () => {
  layer(Helm.layer, { excludeTestServices: true })((it) => {
    it.effect("work", () =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        const { AWS_ACCESS_KEY, AWS_SECRET_KEY, DB_PASSWORD, WORKER_ID: _, ...env } = (yield* World).env
        const manifests = yield* render({
          ...least,
          env,
          secrets: {
            ...least.secrets,
            AWS_ACCESS_KEY: { name: "aws", key: "id" },
            AWS_SECRET_KEY: { name: "aws", key: "secret" }
          }
        })
        const pod = yield* podOf(manifests, "Deployment")
        const worker = yield* startWorker({
          ...(yield* environmentOf(pod, {
            "worker/db-password": DB_PASSWORD ?? "",
            "aws/id": AWS_ACCESS_KEY ?? "",
            "aws/secret": AWS_SECRET_KEY ?? ""
          })),
          HTTP_HOST: "127.0.0.1",
          HTTP_PORT: "0"
        })
        const job = yield* request()
        yield* awaitStatus(job.correlation_id, "SUCCESS")
        yield* worker.signal("SIGTERM")
        assert.strictEqual(yield* worker.exit, 0)
      }).pipe(Effect.scoped, Effect.provide(world()))
    )

    it.effect("migrate", () =>
      Effect.gen(function* () {
        const { render } = yield* Helm
        const { host, password, port, user } = inject("postgres")
        const { name } = yield* emptyDatabase
        const manifests = yield* render({
          ...least,
          env: { ...least.env, DB_HOST: host, DB_PORT: String(port), DB_NAME: name },
          migration: { enabled: true, user, password: { name: "owner", key: "password" } }
        })
        const pod = yield* podOf(manifests, "Job")
        const [node, program, ...args] = pod.containers[0].args ?? []
        assert.deepStrictEqual([node, program], ["node", "dist/main.js"])
        const { code, stderr } = yield* runCommand(yield* environmentOf(pod, { "owner/password": password }), ...args)
        assert.strictEqual(code, 0, stderr)
      }).pipe(Effect.scoped)
    )
  })
})
