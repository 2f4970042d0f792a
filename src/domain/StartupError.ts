import { Runtime, Schema } from "effect"

/** A backend cannot be reached at start: EX_UNAVAILABLE of sysexits.h. */
export class BackendUnavailable extends Schema.TaggedError<BackendUnavailable>()("BackendUnavailable", {
  backend: Schema.Literals(["PostgreSQL", "Redis"]),
  address: Schema.String,
  reason: Schema.String,
  remedy: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 69
  override get message() {
    return `cannot use ${this.backend} at ${this.address}: ${this.reason}. ${this.remedy}`
  }
}

/**
 * What to do about it. Node.js has the word "certificate" in its message for each that it does not trust: signed by an unknown CA, issued
 * for another host, or expired. https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
export const remedyFor = (
  reason: string,
  variables: { readonly check: ReadonlyArray<string>; readonly ca: string }
): string =>
  /certificate/i.test(reason)
    ? `Set ${variables.ca} to the CA that signed its certificate, and name the host as the certificate does`
    : `Check that it runs, and ${variables.check.join(", ")}`

/** The probes and the metrics have no port to be served on. */
export class PortUnavailable extends Schema.TaggedError<PortUnavailable>()("PortUnavailable", {
  address: Schema.String,
  reason: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 69
  override get message() {
    return `cannot listen on ${this.address}: ${this.reason}. Set HTTP_HOST and HTTP_PORT to a free address; port 0 picks a port`
  }
}

/** The database lacks tables, columns or labels that the worker needs: EX_CONFIG of sysexits.h. */
export class SchemaUnsupported extends Schema.TaggedError<SchemaUnsupported>()("SchemaUnsupported", {
  missing: Schema.NonEmptyArray(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = 78
  override get message() {
    return (
      `the database's schema does not fit, missing: ${this.missing.join("; ")}. ` +
      "Run the migrate command as an owner, or set the search_path and the grants of the worker's role"
    )
  }
}
