import type { ComponentChildren } from "preact"
import { count, plural, span } from "./format.ts"
import type { Overview } from "../../domain/Overview.ts"

const Tile = ({
  children,
  name,
  value
}: {
  readonly name: string
  readonly value: number | undefined
  readonly children?: ComponentChildren
}) => (
  <div class="tile">
    <dt>{name}</dt>
    <dd>
      <span class="figure">{value === undefined ? "–" : count(value)}</span>
      <span class="quiet">{children}</span>
    </dd>
  </div>
)

const total = (counts: ReadonlyArray<{ readonly count: number }>) => counts.reduce((sum, it) => sum + it.count, 0)

/** The current numbers. */
export const Tiles = ({ overview: { history, inFlight, now, queue } }: { readonly overview: Overview }) => {
  const jobs = "value" in queue ? queue.value : undefined
  const working = "value" in inFlight ? inFlight.value : undefined
  const minutes = "value" in history ? history.value.minutes : undefined
  const succeeded = minutes?.reduce((sum, it) => sum + it.succeeded, 0)
  const failed = minutes?.reduce((sum, it) => sum + it.failed, 0)
  const parked = jobs === undefined ? undefined : total(jobs.parked)
  return (
    <dl class="tiles" aria-label="Now">
      <Tile name="Waiting" value={jobs?.depth}>
        {jobs === undefined || jobs.depth === 0
          ? "nothing to do"
          : jobs.oldestReceivedAt === null
            ? "oldest unknown"
            : `oldest ${span(now - jobs.oldestReceivedAt)}`}
      </Tile>
      <Tile name="In flight" value={working === undefined ? undefined : total(working)}>
        {plural(working?.length ?? 0, "account")}
      </Tile>
      <Tile name="Parked" value={parked}>
        for busy accounts
      </Tile>
      <Tile name="Delayed" value={jobs?.delayed}>
        until their turn
      </Tile>
      <Tile name="Dead letters" value={jobs?.deadLetters}>
        {jobs === undefined || jobs.deadLetters === 0 ? "none" : <a href="#dead-letters">look at them</a>}
      </Tile>
      <Tile name="Done in an hour" value={succeeded}>
        {failed === undefined ? "" : `and ${count(failed)} failed`}
      </Tile>
    </dl>
  )
}
