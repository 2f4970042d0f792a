import { render } from "preact"
import type { Overview } from "../../domain/Overview.ts"
import { Accounts } from "./Accounts.tsx"
import { overview, signOut } from "./api.ts"
import { Chart } from "./Chart.tsx"
import { DeadLetters } from "./DeadLetters.tsx"
import { Failures } from "./Failures.tsx"
import { clock } from "./format.ts"
import { Problems } from "./Problems.tsx"
import { RequestDialog } from "./RequestDialog.tsx"
import { SearchField, SearchResults } from "./Search.tsx"
import { Tiles } from "./Tiles.tsx"
import { usePolling } from "./usePolling.ts"
import { type Route, useRoute } from "./useRoute.ts"
import { Workers } from "./Workers.tsx"

/** Milliseconds from one look to the next. */
const interval = 2_000

const ended = [
  { of: "succeeded", name: "done" },
  { of: "failed", name: "failed" }
] as const
const troubled = [
  { of: "failed", name: "failed" },
  { of: "requeued", name: "tried again" },
  { of: "recovered", name: "recovered" }
] as const

const Page = ({
  problem,
  route,
  value
}: {
  readonly value: Overview
  readonly problem: string | undefined
  readonly route: Route
}) => (
  <main>
    {route.search !== "" && <SearchResults text={route.search} now={value.now} />}
    <Problems overview={value} unanswered={problem} />
    <Tiles overview={value} />
    {"value" in value.history && (
      <div class="pair">
        <Chart title="Ended in each minute" minutes={value.history.value.minutes} series={ended} />
        <Chart title="Trouble in each minute" minutes={value.history.value.minutes} series={troubled} />
      </div>
    )}
    <div class="pair">
      <Accounts overview={value} />
      <Workers overview={value} />
    </div>
    <Failures overview={value} />
    <DeadLetters count={"value" in value.queue ? value.queue.value.deadLetters : undefined} now={value.now} />
  </main>
)

const leave = async () => {
  await signOut()
  window.location.assign("/")
}

const App = () => {
  const { at, problem, value } = usePolling(overview, interval)
  const route = useRoute()
  return (
    <>
      <header class="top">
        <img src="/assets/icon.svg" alt="" width="32" height="32" />
        <h1>
          Access worker for AWS <span class="quiet code">{value?.replica.workerId}</span>
        </h1>
        <SearchField text={route.search} />
        <span class={problem === undefined ? "live" : "live stale"}>
          {at === undefined ? "…" : problem === undefined ? "Live" : `Last seen ${clock(at)}`}
        </span>
        <button type="button" onClick={() => void leave()}>
          Sign out
        </button>
      </header>
      {value === undefined ? (
        <main>
          <p role="status">{problem ?? "Looking…"}</p>
        </main>
      ) : (
        <Page value={value} problem={problem} route={route} />
      )}
      {route.request !== "" && <RequestDialog key={route.request} id={route.request} />}
    </>
  )
}

const place = document.getElementById("app")
if (place !== null) render(<App />, place)
