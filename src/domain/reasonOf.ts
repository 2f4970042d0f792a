import type { SqlError } from "effect/sql/SqlError"

/** PostgreSQL's own words, or the socket's, without the driver's wrapping; OpenSSL's end with a newline. */
export const reasonOf = ({ message, reason: { cause } }: SqlError): string =>
  (cause instanceof Error ? cause.message : message).trim()
