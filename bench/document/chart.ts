/** Lines over labels, in panels side by side. */
export interface Chart {
  /** Its name in `docs`. */
  readonly file: string
  /** What the labels are. */
  readonly axis: string
  readonly labels: ReadonlyArray<string>
  readonly panels: ReadonlyArray<Panel>
}

export interface Panel {
  readonly title: string
  readonly series: ReadonlyArray<{ readonly name: string; readonly values: ReadonlyArray<number> }>
}

const width = 400
const height = 280
const left = 56
const right = 16
const top = 44
const bottom = 48
/** Readable on white and on black. */
const colors = ["#2f7ed8", "#d9822b", "#3d9970", "#a64ca6"]
const ink = "#808080"
/** Lines of the grid above the lowest. */
const steps = 4

/** The chart as SVG. */
export const drawChart = ({ axis, labels, panels }: Chart): string => {
  const drawn = panels.map((panel, index) => drawPanel(panel, labels, axis, index * width))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${panels.length * width} ${height}" font-family="sans-serif" font-size="11" fill="${ink}">`,
    ...drawn,
    "</svg>",
    ""
  ].join("\n")
}

const drawPanel = ({ series, title }: Panel, labels: ReadonlyArray<string>, axis: string, offset: number): string => {
  const highest = roundUp(Math.max(1, ...series.flatMap(({ values }) => values.filter(Number.isFinite))))
  const x = (index: number) => left + (index * (width - left - right)) / Math.max(1, labels.length - 1)
  const y = (value: number) => height - bottom - (value / highest) * (height - top - bottom)
  const grid = Array.from({ length: steps + 1 }, (_, step) => (highest * step) / steps).flatMap((value) => [
    `<line x1="${left}" y1="${at(y(value))}" x2="${width - right}" y2="${at(y(value))}" stroke="${ink}" stroke-opacity="0.25"/>`,
    text(left - 6, y(value) + 4, String(value), "end")
  ])
  const lines = series.flatMap(({ name, values }, index) => {
    const color = colors[index % colors.length] ?? ink
    const points = values.flatMap((value, it) => (Number.isFinite(value) ? [`${at(x(it))},${at(y(value))}`] : []))
    return [
      `<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...points.map((it) => `<circle cx="${it.split(",")[0]}" cy="${it.split(",")[1]}" r="3" fill="${color}"/>`),
      `<text x="${left + index * 110}" y="34" fill="${color}">${escape(name)}</text>`
    ]
  })
  return [
    `<g transform="translate(${offset} 0)">`,
    `<text x="${left}" y="16" font-size="13">${escape(title)}</text>`,
    ...grid,
    ...labels.map((label, index) => text(x(index), height - bottom + 16, label, "middle")),
    text((left + width - right) / 2, height - 12, axis, "middle"),
    ...lines,
    "</g>"
  ].join("\n")
}

const text = (x: number, y: number, words: string, anchor: string) =>
  `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}">${escape(words)}</text>`

const at = (value: number): string => value.toFixed(1)

const escape = (words: string): string => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** To a number that divides well. */
const roundUp = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 4, 6, 8, 10].find((factor) => factor * power >= value) ?? 10) * power
}
