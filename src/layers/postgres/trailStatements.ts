/** How many requests a page has. */
export const trailsOfPage = 500

/**
 * $1 the request after which the page begins, if there is one; $2 the account whose trails are read, or null for all. The page is cut before it is
 * filtered by account, so that no statement reads more than a page; one statement, since a request and its trail have to come from one snapshot.
 */
const pageOf = (after: boolean) => `
  WITH page AS (
    SELECT correlation_id, account_id, status FROM csb_requests
    WHERE cloud_provider = 'aws' ${after ? "AND correlation_id > $1::uuid" : "AND $1::uuid IS NULL"}
    ORDER BY correlation_id LIMIT ${trailsOfPage}
  )
  SELECT page.correlation_id AS "correlationId", page.account_id AS "accountId", page.status::text AS "requestStatus",
    audit_id AS "auditId", audit.status::text AS status, audit_log AS log,
    CASE WHEN isfinite(audit_timestamp) THEN (extract(epoch FROM audit_timestamp) * 1000000)::bigint END AS at,
    encode(previous_hash, 'hex') AS "previousHash", encode(hash, 'hex') AS hash
  FROM page LEFT JOIN csb_requests_audit AS audit
    ON audit.correlation_id = page.correlation_id AND ($2::text IS NULL OR page.account_id = $2)
  ORDER BY page.correlation_id, audit_id`

export const firstPage = pageOf(false)
export const pageAfter = pageOf(true)
