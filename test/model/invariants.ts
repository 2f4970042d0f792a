import { DateTime, Effect, Option } from "effect"
import type { Job } from "../../src/domain/Job.ts"
import { lostTooManyLog } from "../../src/domain/Settlement.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis } from "../../src/services/Redis.ts"
import { queue } from "../fixture.ts"

const final = new Set(["SUCCESS", "FAILED"])

/** Whether every request has its final status and no payload is left. */
export const isDone = (jobs: ReadonlyArray<Job>, boots: number) =>
  Effect.map(violations(jobs, boots), (all) => !all.some((it) => it.startsWith("not done")))

/** What is not as it has to be, in words; nothing, if all is well. */
export const violations = Effect.fnUntraced(function* (jobs: ReadonlyArray<Job>, boots: number) {
  const store = yield* JobStore
  const redis = yield* Redis
  const attachments = (yield* AwsIamControl).attachments().join()
  const found: Array<string> = []

  for (const key of [queue, ...Array.from({ length: boots }, (_, n) => `{queue:aws}:processing:w-${n + 1}`)]) {
    if ((yield* redis.length(key)) > 0) found.push(`not done: a payload is left in ${key}`)
  }
  if ((yield* redis.lowest("{queue:aws}:delayed", Number.POSITIVE_INFINITY, 1)).length > 0) {
    found.push("not done: a payload is left among the delayed ones")
  }

  const records = yield* Effect.forEach(jobs, (job) =>
    Effect.map(store.find(job.correlation_id), (record) => ({ job, record: Option.getOrThrow(record) }))
  )
  for (const { job, record } of records) {
    const ends = record.audit.filter(({ status }) => final.has(status))
    if (!final.has(record.status)) found.push(`not done: ${job.correlation_id} is ${record.status}`)
    if (ends.length > 1) found.push(`${job.correlation_id} ended ${ends.length} times`)
    if (record.references.length > 1) found.push(`${job.correlation_id} has ${record.references.length} AWS requests`)
    if (record.status === "FAILED" && record.audit.at(-1)?.log !== lostTooManyLog) {
      found.push(`${job.correlation_id} failed: ${record.audit.at(-1)?.log}`)
    }
    // Whoever settles has claimed last.
    const claims = record.audit.filter(({ status }) => status === "IN_PROGRESS").length
    const givenUp = record.audit.filter(({ log, status }) => status === "PENDING" && log !== "Submitted").length
    if (record.status === "SUCCESS" && claims !== givenUp + 1) {
      found.push(`${job.correlation_id} was claimed ${claims} times and given back ${givenUp} times`)
    }
  }

  for (const principal of new Set(jobs.map((job) => job.principal))) {
    const onKey = records.filter(({ job, record }) => job.principal === principal && record.status === "SUCCESS")
    const ends = onKey.map(({ record }) => DateTime.toEpochMillis(Option.getOrThrow(record.updatedAt)))
    if (ends.some((end, index) => end < (ends[index - 1] ?? 0))) found.push(`${principal}: ended out of order`)
    const last = onKey.at(-1)?.job.action
    const attached = attachments.includes(`/${principal} `)
    if (last !== undefined && attached !== (last === "add")) {
      found.push(`${principal}: the last wish was ${last}, and the policy is ${attached ? "" : "not "}attached`)
    }
  }
  return found
})
