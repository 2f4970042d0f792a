import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { inject } from "vitest"
import { parse } from "yaml"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { aJob } from "../fixture.ts"
import { eventually, startWorker } from "../process/program.ts"
import { awaitStatus, closedAccount, push, request, World, world } from "../process/world.ts"
import { asksFor } from "./promql.ts"

const Alerts = Schema.Struct({
  groups: Schema.Array(
    Schema.Struct({
      rules: Schema.Array(
        Schema.Struct({
          alert: Schema.String,
          expr: Schema.String,
          annotations: Schema.Struct({ summary: Schema.String, runbook_url: Schema.String })
        })
      )
    })
  )
})
const Dashboard = Schema.fromJsonString(
  Schema.Struct({
    panels: Schema.Array(
      Schema.Struct({ title: Schema.String, targets: Schema.Array(Schema.Struct({ expr: Schema.String })) })
    )
  })
)
const alertsFile = "deploy/prometheus/alerts.yaml"
const alerts = Schema.decodeUnknownSync(Alerts)(parse(readFileSync(alertsFile, "utf8"))).groups.flatMap(
  ({ rules }) => rules
)
const panels = Schema.decodeUnknownSync(Dashboard)(readFileSync("deploy/grafana/dashboard.json", "utf8")).panels
const expressions = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...panels.flatMap(({ targets, title }) =>
    // What Grafana puts in.
    targets.map(({ expr }) => [title, expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*")] as const)
  )
]

/** The samples of a text for Prometheus. */
const samplesOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({
      name: /^\w+/.exec(line)?.[0] ?? "",
      labels: new Map(Array.from(line.matchAll(/(\w+)="([^"]*)"/g), ([, label = "", value = ""]) => [label, value]))
    }))

/** Labels that Prometheus itself gives each sample. */
const scraped = new Set(["instance", "job"])

const promtool = (args: ReadonlyArray<string>, input?: string) => {
  const { status, stderr, stdout } = spawnSync("promtool", args, { encoding: "utf8", input })
  return { status, output: `${stdout}${stderr}` }
}
const hasPromtool = promtool(["--version"]).status === 0

describe("what is asked of Prometheus", () => {
  it.live.skipIf(inject("redis") === undefined)("a worker answers, by these names, labels and values", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { env, redis, queue } = yield* World
      const worker = yield* startWorker({ ...env, RECOVERY_INTERVAL: "100 millis", RETRY_MAX_ATTEMPTS: "2" })
      // One of each outcome that an expression compares with.
      aws.faults.add({ principal: "bob", times: 1, effect: { kind: "error", code: "ServiceFailure" } })
      const done = yield* request({ principal: "bob" })
      const denied = yield* request({ account_id: closedAccount })
      yield* awaitStatus(done.correlation_id, "SUCCESS")
      yield* awaitStatus(denied.correlation_id, "FAILED")
      yield* push(JSON.stringify(aJob({ correlation_id: done.correlation_id, principal: "bob" })))
      yield* push("no job")
      yield* eventually(
        Effect.promise(() => redis.llen(`${queue}_error`)),
        (length) => length === 1
      )
      aws.setClockOffset(3_600_000)
      const late = yield* request({ principal: "bob", action: "remove" })
      const { body } = yield* eventually(worker.get("/metrics"), (it) => it.body.includes("CredentialsInvalid"))
      aws.setClockOffset(0)
      assert.isDefined(late)

      const samples = samplesOf(body)
      for (const [place, expression] of expressions) {
        for (const { labels, metric, values } of asksFor(expression)) {
          const those = samples.filter(({ name }) => name === metric)
          assert.isNotEmpty(those, `${place}: no ${metric} in ${expression}`)
          for (const label of labels) {
            if (scraped.has(label)) continue
            assert.isTrue(
              those.some((it) => it.labels.has(label)),
              `${place}: ${metric} has no ${label}`
            )
          }
          for (const [label, pattern] of values) {
            if (scraped.has(label)) continue
            assert.isTrue(
              those.some((it) => pattern.test(it.labels.get(label) ?? "")),
              `${place}: no ${metric} whose ${label} is ${pattern.source}`
            )
          }
        }
      }
      if (hasPromtool) assert.deepStrictEqual(promtool(["check", "metrics"], body), { status: 0, output: "" })
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it("every alert leads to a heading of the runbook", () => {
    const headings = Array.from(readFileSync("docs/runbook.md", "utf8").matchAll(/^#+ (.*)$/gm), ([, heading = ""]) =>
      // As GitHub and GitLab make anchors.
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, "")
        .replaceAll(/\s/g, "-")
    )
    assert.isNotEmpty(alerts)
    for (const { annotations } of alerts) {
      const [file, anchor] = annotations.runbook_url.split("#")
      assert.strictEqual(file, "docs/runbook.md")
      assert.include(headings, anchor)
    }
  })

  it("every alert is tried", () => {
    const tests = readFileSync("test/deploy/alerts.yaml", "utf8")
    for (const { alert } of alerts) assert.match(tests, new RegExp(`alertname: ${alert}\\n +exp_alerts:`))
  })

  it.skipIf(!hasPromtool)(
    "each alert fires for its symptom and for no other (needs promtool: apt-get install prometheus)",
    () => {
      assert.strictEqual(promtool(["check", "rules", alertsFile]).status, 0)
      const { output, status } = promtool(["test", "rules", "test/deploy/alerts.yaml"])
      assert.strictEqual(status, 0, output)
    }
  )
})
