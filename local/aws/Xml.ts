import { type AwsFailure, statusOf } from "./Errors.ts"
import { type OperationSpec, type Service, services } from "./Operations.ts"

const special = /[&<>"']/

/** Escapes text for an XML element. Almost no value needs it, so the common case is one regular expression. */
export const escapeXml = (text: string): string =>
  special.test(text)
    ? text
        .replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;")
        .replaceAll("'", "&#39;")
    : text

/** An answer as the Query protocol wraps it. `result` is the inside of `<…Result>`; undefined: the operation has none. */
export const successXml = (spec: OperationSpec, result: string | undefined, requestId: string): string => {
  const wrapped = result === undefined ? "" : `  <${spec.name}Result>\n${result}  </${spec.name}Result>\n`
  return (
    `<${spec.name}Response xmlns="${services[spec.service].xmlns}">\n${wrapped}` +
    `  <ResponseMetadata>\n    <RequestId>${requestId}</RequestId>\n  </ResponseMetadata>\n</${spec.name}Response>\n`
  )
}

/** An error as the Query protocol wraps it: `Sender` for what the caller did wrong, `Receiver` for what AWS did. */
export const errorXml = (service: Service, failure: AwsFailure, requestId: string): string =>
  `<ErrorResponse xmlns="${services[service].xmlns}">\n  <Error>\n` +
  `    <Type>${statusOf(failure.code) >= 500 ? "Receiver" : "Sender"}</Type>\n` +
  `    <Code>${failure.code}</Code>\n    <Message>${escapeXml(failure.message)}</Message>\n` +
  `  </Error>\n  <RequestId>${requestId}</RequestId>\n</ErrorResponse>\n`
