import { Option, Tracer } from "effect"

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const onlyZeros = /^0+$/

/**
 * The producer's span, as W3C Trace Context writes it; none where it is not well-formed. Of a version above 00, what is
 * known of 00 is read. https://www.w3.org/TR/trace-context/#traceparent-header
 */
export const parseTraceparent = (text: unknown): Option.Option<Tracer.ExternalSpan> => {
  const [, version, traceId = "", spanId = "", flags = "", more] = (typeof text === "string" && form.exec(text)) || []
  const isValid =
    version !== undefined &&
    version !== "ff" &&
    !(version === "00" && more !== undefined) &&
    !onlyZeros.test(traceId) &&
    !onlyZeros.test(spanId)
  return isValid
    ? Option.some(Tracer.externalSpan({ traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }))
    : Option.none()
}
