import { type AwsFailure, statusOf } from "./Errors.ts"
import type { FaultEffect } from "./Faults.ts"
import type { OperationSpec, Service } from "./Operations.ts"
import { errorXml, successXml } from "./Xml.ts"

/** What the server shall do with the caller's connection. */
export interface Answer {
  /** `stall`: headers and half the body. `reset`: destroy the socket. `hang`: nothing at all. */
  readonly delivery: "send" | "stall" | "reset" | "hang"
  /** Undefined for answers that did not come from the service itself, like a load balancer's. */
  readonly requestId: string | undefined
  readonly status: number
  readonly contentType: "text/xml" | "text/html"
  readonly body: string
  readonly retryAfterSeconds: number | undefined
}

const xmlAnswer = (status: number, body: string, requestId: string, retryAfterSeconds?: number): Answer => ({
  delivery: "send",
  requestId,
  status,
  contentType: "text/xml",
  body,
  retryAfterSeconds
})

export const successAnswer = (spec: OperationSpec, result: string | undefined, requestId: string): Answer =>
  xmlAnswer(200, successXml(spec, result, requestId), requestId)

export const errorAnswer = (service: Service, failure: AwsFailure, requestId: string): Answer =>
  xmlAnswer(statusOf(failure.code), errorXml(service, failure, requestId), requestId, failure.retryAfterSeconds)

const htmlBody = `<html>
<head><title>503 Service Temporarily Unavailable</title></head>
<body>
<center><h1>503 Service Temporarily Unavailable</h1></center>
</body>
</html>
`

const nothing: Answer = {
  delivery: "hang",
  requestId: undefined,
  status: 503,
  contentType: "text/html",
  body: "",
  retryAfterSeconds: undefined
}

/** The faults that are no AWS error. `error` and `expireSessions` are answered as errors instead. */
export type TransportFault = Exclude<FaultEffect, { readonly kind: "error" }>

/** What a transport fault leaves of an answer. `applied`: the answer to the call, if the fault lets it take effect. */
export const faultAnswer = (fault: TransportFault, applied: Answer | undefined): Answer => {
  switch (fault.kind) {
    case "html":
      return { ...nothing, delivery: "send", status: fault.status ?? nothing.status, body: htmlBody }
    case "empty":
      return { ...nothing, delivery: "send", status: fault.status ?? nothing.status }
    case "stall":
      return { ...(applied ?? nothing), delivery: "stall" }
    case "resetBefore":
    case "resetAfter":
      return { ...nothing, delivery: "reset" }
    default:
      return nothing
  }
}
