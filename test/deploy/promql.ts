import { parser } from "@prometheus-io/lezer-promql"

/** What an expression asks for. `labels`: names that its matchers and groupings use; `values`: what a label is compared with. */
export interface Asked {
  readonly metric: string
  readonly labels: ReadonlySet<string>
  readonly values: ReadonlyArray<readonly [label: string, pattern: RegExp]>
}

interface Node {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly type: { readonly isError: boolean }
  readonly getChildren: (name: string) => ReadonlyArray<Node>
}

/** The selectors of a PromQL expression; one that is none throws. A grouping is counted to each selector. */
export const asksFor = (expression: string): ReadonlyArray<Asked> => {
  const nodes: Array<Node> = []
  parser.parse(expression).iterate({
    enter: ({ node }) => {
      nodes.push(node)
      if (node.type.isError) throw new Error(`not PromQL at ${node.from}: ${expression}`)
    }
  })
  const text = ({ from, to }: Node) => expression.slice(from, to)
  const inner = (outer: Node, name: string) =>
    nodes.filter((it) => it.name === name && it.from >= outer.from && it.to <= outer.to)
  const groupings = nodes.filter((it) => it.name === "GroupingLabels").flatMap((it) => inner(it, "LabelName"))
  return nodes
    .filter((it) => it.name === "VectorSelector")
    .map((selector) => {
      const matchers = inner(selector, "UnquotedLabelMatcher").map((it) => {
        const [label, value] = [inner(it, "LabelName"), inner(it, "StringLiteral")].map(([node]) =>
          node === undefined ? "" : text(node)
        )
        return [label ?? "", new RegExp(`^(?:${value?.slice(1, -1) ?? ""})$`)] as const
      })
      const [metric] = inner(selector, "Identifier")
      return {
        metric: metric === undefined ? "" : text(metric),
        labels: new Set([...matchers.map(([label]) => label), ...groupings.map(text)]),
        values: matchers
      }
    })
}
