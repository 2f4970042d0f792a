import type { Overview } from "../../domain/Overview.ts"
import { count, span } from "./format.ts"
import { Ago } from "./Time.tsx"

/** Who does the work. */
export const Workers = ({ overview: { now, queue, replica } }: { readonly overview: Overview }) => {
  const workers = "value" in queue ? queue.value.workers : []
  return (
    <section aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      {workers.length === 0 ? (
        <p class="quiet">None has announced itself.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Worker</th>
              <th scope="col" class="number">
                Holds
              </th>
              <th scope="col">Heartbeat</th>
            </tr>
          </thead>
          <tbody>
            {workers.map(({ aliveUntil, held, workerId }) => (
              <tr key={workerId}>
                <th scope="row">
                  <span class="code">{workerId}</span>
                  {workerId === replica.workerId && <span class="quiet"> (this one)</span>}
                </th>
                <td class="number">{count(held)}</td>
                <td>
                  {aliveUntil > now ? (
                    <span>
                      <span class="badge well">alive</span> good for {span(aliveUntil - now)}
                    </span>
                  ) : (
                    <span>
                      <span class="badge error">lost</span> <Ago at={aliveUntil} now={now} />
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
