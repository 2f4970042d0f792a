import type { Claim } from "../../src/services/JobStore.ts"
import type { Job } from "../../src/domain/Job.ts"
import { aJob, bytes } from "../fixture.ts"

export interface Request {
  readonly job: Job
  /** The grant that it ends, if it is not one that was submitted. */
  readonly ends: string | null
  readonly payload: Uint8Array
  /** When its row was written; before, it has none. */
  committedAt: number | undefined
  /** Redis lost its data while the request was unfinished: it may be without a place until the sweep rebuilds it. */
  lostByRedis: boolean
  /**
   * The live worker from whose hands the payload was taken, since a clock was wrong by a lease. It may still claim the request, and what
   * was taken passes for a duplicate then: until another one claims it, it may be without a place.
   */
  takenFrom: string | undefined
  finished: boolean
}

export interface AppliedCall {
  readonly correlationId: string
  readonly action: Job["action"]
}

export const keyOf = ({ entitlement, principal }: Pick<Job, "entitlement" | "principal">) =>
  `${principal} ${entitlement}`

/** What everybody did to everything that is shared, and which invariants were broken meanwhile. */
export const makeLedger = () => {
  const requests = new Map<string, Request>()
  const owners = new Map<string, { readonly token: bigint; readonly workerId: string }>()
  /** The claims that ended, since the answer to their settlement may be asked for again. */
  const settled = new Set<bigint>()
  const applied = new Map<string, Array<AppliedCall>>()
  /** Requests that got their final status, in this order. */
  const finals: Array<Request> = []
  const broken = new Set<string>()
  /** Until when the workers said that they live, by everybody's clock. */
  const alive = new Map<string, number>()
  const finish = (request: Request | undefined) => {
    if (request === undefined || request.finished) return
    request.finished = true
    finals.push(request)
  }
  const label = (id: string) => `request ${Array.from(requests.keys()).indexOf(id)}`

  return {
    requests,
    applied,
    broken,
    finals,
    label,
    announced: (workerId: string, until: number) => void alive.set(workerId, until),
    /** Somebody took a payload from a worker's hands. */
    takenFrom: (workerId: string, correlationId: string, now: number) => {
      const request = requests.get(correlationId)
      if (request !== undefined && now < (alive.get(workerId) ?? 0)) request.takenFrom = workerId
    },
    claimed: ({ correlationId, ends, row, token }: Claim, workerId: string) => {
      if (ends !== null && !requests.has(correlationId)) {
        const job = aJob({ correlation_id: correlationId, principal: row.principal, action: "remove" })
        const lost = { committedAt: 0, lostByRedis: false, takenFrom: undefined, finished: false }
        requests.set(correlationId, { job, ends: ends.grantId, payload: bytes(job), ...lost })
      }
      const request = requests.get(correlationId)
      const owner = owners.get(correlationId)
      if (owner !== undefined && owner.token !== token) broken.add(`one owner: ${label(correlationId)} has two`)
      for (const [other] of owners) {
        const job = requests.get(other)?.job
        if (other === correlationId || job === undefined || request === undefined) continue
        if (keyOf(job) === keyOf(request.job)) broken.add("one owner: two requests on one key are in progress")
      }
      owners.set(correlationId, { token, workerId })
      if (request !== undefined && request.takenFrom !== workerId) request.takenFrom = undefined
    },
    settled: ({ correlationId, token }: Claim, final: boolean) => {
      if (owners.get(correlationId)?.token === token) {
        owners.delete(correlationId)
        settled.add(token)
        if (final) finish(requests.get(correlationId))
      } else if (!settled.has(token)) broken.add(`one owner: a lost claim settled ${label(correlationId)}`)
    },
    recovered: (correlationId: string, final: boolean) => {
      owners.delete(correlationId)
      if (final) finish(requests.get(correlationId))
    },
    /** AWS carried a call out. */
    carriedOut: (call: AppliedCall, workerId: string) => {
      const request = requests.get(call.correlationId)
      if (request === undefined) return void broken.add("AWS was called for nobody's request")
      if (owners.get(call.correlationId)?.workerId !== workerId) {
        broken.add(`one owner: AWS was called under a lost claim of ${label(call.correlationId)}`)
      }
      const key = keyOf(request.job)
      applied.set(key, [...(applied.get(key) ?? []), call])
    },
    unfinished: () =>
      Array.from(requests.values()).filter(({ committedAt, finished }) => committedAt !== undefined && !finished)
  }
}
export type Ledger = ReturnType<typeof makeLedger>
