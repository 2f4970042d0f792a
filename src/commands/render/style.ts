import { styleText } from "node:util"
import { Effect } from "effect"
import { TerminalCapabilities } from "effect/cli"

/** Marks that help the eye, where the output is a terminal and NO_COLOR does not forbid them. https://no-color.org */
export const style = Effect.map(TerminalCapabilities.TerminalCapabilities, ({ canColor }) => {
  const mark = (format: "bold" | "dim" | "green" | "red" | "yellow") => (text: string) =>
    canColor ? styleText(format, text, { validateStream: false }) : text
  return { bold: mark("bold"), dim: mark("dim"), green: mark("green"), red: mark("red"), yellow: mark("yellow") }
})
export type Style = Effect.Success<typeof style>

/** A status under any of its labels. */
export const byStanding = ({ bold, green, red, yellow }: Style) => ({
  PENDING: bold,
  IN_PROGRESS: yellow,
  SUCCESS: green,
  FAILED: red,
  other: bold
})
