import { useState } from "preact/hooks"
import type { MinuteOutcomes } from "../../domain/History.ts"
import { clock, count } from "./format.ts"

export type Outcome = Exclude<keyof MinuteOutcomes, "minute">

export interface Series {
  readonly of: Outcome
  readonly name: string
}

/** The next round number that is not below `number`: a scale that does not jump with each job. */
const niceAbove = (number: number): number => {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, number)))
  return [1, 2, 4, 6, 8, 10].map((factor) => factor * power).find((nice) => nice >= number) ?? number
}

const quarters = [0.25, 0.5, 0.75]

/** Stacked bars, one a minute. Arrow keys or the pointer choose the minute that is spelled out. */
export const Chart = ({
  minutes,
  series,
  title
}: {
  readonly title: string
  readonly minutes: ReadonlyArray<MinuteOutcomes>
  readonly series: ReadonlyArray<Series>
}) => {
  const [chosen, setChosen] = useState<number | undefined>(undefined)
  const last = minutes.length - 1
  const height = niceAbove(Math.max(...minutes.map((it) => series.reduce((sum, { of }) => sum + it[of], 0))))
  const spell = ({ minute, ...counts }: MinuteOutcomes) =>
    `${clock(minute)}: ${series.map(({ name, of }) => `${count(counts[of])} ${name}`).join(", ")}`
  const sum = (of: Outcome) => minutes.reduce((all, it) => all + it[of], 0)
  const shown = minutes[chosen ?? last]

  const choose = (index: number) => setChosen(Math.min(last, Math.max(0, index)))
  const onKeyDown = (event: KeyboardEvent) => {
    const from = chosen ?? last
    const target = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key]
    if (target === undefined) return
    event.preventDefault()
    choose(target)
  }
  const onPointerMove = (event: PointerEvent) => {
    if (!(event.currentTarget instanceof Element)) return
    const { left, width } = event.currentTarget.getBoundingClientRect()
    choose(Math.floor(((event.clientX - left) / width) * minutes.length))
  }

  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          {series.map(({ name, of }) => (
            <li key={of}>
              <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
                <rect class={of} width="10" height="10" rx="2" />
              </svg>
              {count(sum(of))} {name}
            </li>
          ))}
        </ul>
      </figcaption>
      <div
        class="plot"
        role="slider"
        tabIndex={0}
        aria-label={`${title}, by minute`}
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={chosen ?? last}
        aria-valuetext={shown === undefined ? "" : spell(shown)}
        onKeyDown={onKeyDown}
        onPointerMove={onPointerMove}
        onPointerLeave={() => setChosen(undefined)}
        onBlur={() => setChosen(undefined)}
      >
        <svg viewBox={`0 0 ${minutes.length} 100`} preserveAspectRatio="none" aria-hidden="true">
          {quarters.map((part) => (
            <line key={part} class="grid" x1="0" x2={minutes.length} y1={100 * part} y2={100 * part} />
          ))}
          {chosen !== undefined && <rect class="chosen" x={chosen} y="0" width="1" height="100" />}
          {minutes.map((it, index) => {
            let top = 100
            return series.map(({ of }) => {
              const part = (100 * it[of]) / height
              top -= part
              return part === 0 ? null : (
                <rect key={`${it.minute} ${of}`} class={of} x={index + 0.1} y={top} width="0.8" height={part} />
              )
            })
          })}
        </svg>
        <span class="scale" aria-hidden="true">
          {count(height)}
        </span>
      </div>
      <p class="axis" aria-hidden="true">
        <span>{minutes[0] === undefined ? "" : clock(minutes[0].minute)}</span>
        <span class="spelled">{chosen === undefined || shown === undefined ? "" : spell(shown)}</span>
        <span>now</span>
      </p>
    </figure>
  )
}
