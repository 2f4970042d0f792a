/** PostgreSQL knows infinite times. https://www.postgresql.org/docs/current/datatype-datetime.html */
export const timestamp = (unixMillis: number): string =>
  Number.isFinite(unixMillis) ? new Date(unixMillis).toISOString() : unixMillis < 0 ? "-infinity" : "infinity"
