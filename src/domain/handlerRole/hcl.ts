/** A JSON value as Terraform's language writes it, laid out as `terraform fmt` does; what is in `${…}` stays an expression. */
export const hcl = (value: unknown, indent: string): string => {
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]"
    return `[\n${value.map((item) => `${inner}${hcl(item, inner)},\n`).join("")}${indent}]`
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([name, of]) => [nameOf(name), hcl(of, inner)] as const)
    return `{\n${entries.map(([name, text], index) => `${inner}${name.padEnd(width(entries, index))} = ${text}\n`).join("")}${indent}}`
  }
  const [, alone] = typeof value === "string" ? (/^\$\{([\w.]+)\}$/.exec(value) ?? []) : []
  return alone ?? JSON.stringify(value)
}

const nameOf = (name: string): string => (/^[A-Za-z]\w*$/.test(name) ? name : JSON.stringify(name))

/** Names are padded to the widest among neighbours whose values are all on one line. */
const width = (entries: ReadonlyArray<readonly [name: string, text: string]>, index: number): number => {
  const isOneLine = (at: number) => entries[at]?.[1].includes("\n") === false
  if (!isOneLine(index)) return 0
  let [first, last] = [index, index]
  while (isOneLine(first - 1)) first--
  while (isOneLine(last + 1)) last++
  return Math.max(...entries.slice(first, last + 1).map(([name]) => name.length))
}
