import { CliOutput } from "effect/cli"

export type Align = "left" | "right"

/** Rows of cells in columns, with two blanks in between. Cells may be styled. */
export const table = (aligns: ReadonlyArray<Align>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = aligns.map((_, column) => Math.max(0, ...rows.map((row) => CliOutput.displayWidth(row[column] ?? ""))))
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const blanks = " ".repeat((widths[column] ?? 0) - CliOutput.displayWidth(cell))
          return aligns[column] === "right" ? blanks + cell : cell + blanks
        })
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
