import type { Figure } from "./Figure.ts"

/** The figures as columns. */
export const terminalTable = (figures: ReadonlyArray<Figure>): string => {
  const rows = [
    ["", "median", "min..max", "bar", ""],
    ...figures.map(({ bar, median, name, range, verdict }) => [name, median, range, bar, verdict])
  ]
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? "").length))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(width(column)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
