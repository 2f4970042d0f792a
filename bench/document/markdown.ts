import type { Figure } from "../Figure.ts"
import type { Findings } from "../Section.ts"

/** A section's part of the document: its table, what else it found, and its charts. */
export const markdownOf = ({ charts = [], details, figures }: Findings): string =>
  [
    ...(figures.length > 0 ? [tableOf(figures)] : []),
    ...(details === undefined ? [] : [details]),
    ...charts.map(
      ({ axis, file, panels }) => `![${panels.map(({ title }) => title).join(" and ")}, over ${axis}](${file})`
    )
  ].join("\n\n")

const tableOf = (figures: ReadonlyArray<Figure>): string =>
  [
    ["Figure", "Median", "Range", "Bar", ""],
    ["---", "---", "---", "---", "---"],
    ...figures.map(({ bar, median, name, range, verdict }) => [name, median, range, bar, verdict])
  ]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n")

/**
 * The document with new text in a place that it marks: what stands between `<!-- NAME -->` and `<!-- /NAME -->`. Undefined when
 * there is no such place.
 */
export const replacePlace = (document: string, name: string, text: string): string | undefined => {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = document.indexOf(start)
  const to = document.indexOf(end)
  return from < 0 || to < from
    ? undefined
    : `${document.slice(0, from + start.length)}\n\n${text}\n\n${document.slice(to)}`
}
