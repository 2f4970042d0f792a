import type { Overview } from "../../domain/Overview.ts"
import { count } from "./format.ts"
import { linkTo } from "./useRoute.ts"

interface Row {
  readonly accountId: string
  readonly inFlight: number
  readonly parked: number
  readonly callsPerSecond: number | undefined
}

const rowsOf = ({ inFlight, queue, throttled }: Overview): ReadonlyArray<Row> => {
  const working = new Map("value" in inFlight ? inFlight.value.map((it) => [it.accountId, it.count]) : [])
  const parked = new Map("value" in queue ? queue.value.parked.map((it) => [it.accountId, it.count]) : [])
  const paces = new Map(throttled.map((it) => [it.accountId, it.callsPerSecond]))
  return Array.from(new Set([...working.keys(), ...parked.keys(), ...paces.keys()]), (accountId) => ({
    accountId,
    inFlight: working.get(accountId) ?? 0,
    parked: parked.get(accountId) ?? 0,
    callsPerSecond: paces.get(accountId)
  })).toSorted((a, b) => b.inFlight + b.parked - (a.inFlight + a.parked) || (a.accountId < b.accountId ? -1 : 1))
}

/** Rows of the table; the other accounts are summed up. */
const most = 12

/** Which accounts the work is for right now. */
export const Accounts = ({ overview }: { readonly overview: Overview }) => {
  const rows = rowsOf(overview)
  return (
    <section aria-labelledby="accounts">
      <h2 id="accounts">Accounts at work</h2>
      {rows.length === 0 ? (
        <p class="quiet">No account has a job in flight.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Account</th>
              <th scope="col" class="number">
                In flight
              </th>
              <th scope="col" class="number">
                Parked
              </th>
              <th scope="col">Pace</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((row) => (
              <tr key={row.accountId}>
                <th scope="row">
                  <a class="code" href={linkTo({ search: row.accountId })}>
                    {row.accountId}
                  </a>
                </th>
                <td class="number">{count(row.inFlight)}</td>
                <td class="number">{count(row.parked)}</td>
                <td>
                  {row.callsPerSecond === undefined ? (
                    <span class="quiet">free</span>
                  ) : (
                    <span class="badge warning">throttled, {row.callsPerSecond.toFixed(1)}/s</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length > most && <p class="quiet">and {count(rows.length - most)} more</p>}
    </section>
  )
}
