import type { Finding, Verdict } from "../../domain/Finding.ts"

/** A sign, and the colour that a terminal gives it. https://en.wikipedia.org/wiki/ANSI_escape_code#Colors */
const signs: Readonly<Record<Verdict, readonly [sign: string, colour: number]>> = {
  ok: ["✓", 32],
  warning: ["!", 33],
  failed: ["✗", 31],
  skipped: ["-", 90]
}

/** A line for each check, and below it the remedy, if there is one to take. */
export const render = (findings: ReadonlyArray<Finding>, colours: boolean): string => {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const paint = (text: string, colour: number) => (colours ? `\u001B[${colour}m${text}\u001B[0m` : text)
  return findings
    .flatMap(({ check, detail, remedy, status }) => {
      const [sign, colour] = signs[status]
      return [
        `${paint(sign, colour)} ${check.padEnd(width)}  ${status === "skipped" ? "skipped: " : ""}${onOneLine(detail)}`,
        ...(remedy === null ? [] : [`  ${" ".repeat(width)}  → ${onOneLine(remedy)}`])
      ]
    })
    .join("\n")
}

/** What servers say may contain line breaks, or even control sequences. */
const onOneLine = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll(/[\p{Cc}\p{Cf}]/gu, "")
