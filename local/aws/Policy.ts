import { RegExp as Re, Schema } from "effect"

const Texts = Schema.Union([Schema.String, Schema.Array(Schema.String)])

const operators = [
  "StringEquals",
  "StringNotEquals",
  "StringEqualsIgnoreCase",
  "StringLike",
  "StringNotLike",
  "ArnEquals",
  "ArnNotEquals",
  "ArnLike",
  "ArnNotLike",
  "Null"
] as const

const Condition = Schema.Struct(
  Object.fromEntries(
    operators.map((operator) => [operator, Schema.optionalKey(Schema.Record(Schema.String, Texts))] as const)
  )
)

const Statement = Schema.Struct({
  Sid: Schema.optionalKey(Schema.String),
  Effect: Schema.Literals(["Allow", "Deny"]),
  Principal: Schema.optionalKey(Schema.Struct({ AWS: Texts })),
  Action: Schema.optionalKey(Texts),
  NotAction: Schema.optionalKey(Texts),
  Resource: Schema.optionalKey(Texts),
  NotResource: Schema.optionalKey(Texts),
  Condition: Schema.optionalKey(Condition)
})

/** An IAM policy, as far as this AWS evaluates it. Decode it strictly: what is passed over in a policy may have been its point. */
export const Policy = Schema.Struct({
  Version: Schema.Literal("2012-10-17"),
  Id: Schema.optionalKey(Schema.String),
  Statement: Schema.Array(Statement)
})
export type Policy = typeof Policy.Type

export const decodePolicy = Schema.decodeUnknownOption(Schema.fromJsonString(Policy), { onExcessProperty: "error" })

/** What a policy is asked about. */
export interface AccessRequest {
  /** The caller's ARNs: of a session, its role's, too. */
  readonly callers: ReadonlyArray<string>
  readonly action: string
  readonly resource: string
  /** Condition keys in lower case. A key without a value is absent. */
  readonly context: ReadonlyMap<string, string>
}

/** `none`: nothing is said of it, which forbids as well, but gives way to another policy that allows. */
export type Verdict = "allow" | "deny" | "none"

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html */
export const evaluate = ({ Statement: statements }: Policy, request: AccessRequest): Verdict => {
  const matching = statements.filter((statement) => applies(statement, request))
  return matching.some(({ Effect }) => Effect === "Deny") ? "deny" : matching.length > 0 ? "allow" : "none"
}

const applies = (statement: typeof Statement.Type, { action, callers, context, resource }: AccessRequest): boolean => {
  const isAction = (pattern: string) => like(pattern.toLowerCase(), action.toLowerCase())
  const isResource = (pattern: string) => like(pattern, resource)
  return (
    (statement.Action === undefined || list(statement.Action).some(isAction)) &&
    (statement.NotAction === undefined || !list(statement.NotAction).some(isAction)) &&
    (statement.Resource === undefined || list(statement.Resource).some(isResource)) &&
    (statement.NotResource === undefined || !list(statement.NotResource).some(isResource)) &&
    (statement.Principal === undefined || list(statement.Principal.AWS).some((named) => isCaller(named, callers))) &&
    operators.every((operator) =>
      Object.entries(statement.Condition?.[operator] ?? {}).every(([key, values]) =>
        holds(operator, list(values), context.get(key.toLowerCase()))
      )
    )
  )
}

/** `*`, an account's number or root, or one user, role or session. */
const isCaller = (named: string, callers: ReadonlyArray<string>): boolean => {
  const account = /^(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?$/.exec(named)?.[1]
  return named === "*" || callers.some((arn) => (account === undefined ? arn === named : arn.split(":")[4] === account))
}

/** Of an absent key only the operators that say Not hold. */
const holds = (
  operator: (typeof operators)[number],
  values: ReadonlyArray<string>,
  actual: string | undefined
): boolean => {
  const some = (test: (value: string, actual: string) => boolean) =>
    actual !== undefined && values.some((value) => test(value, actual))
  switch (operator) {
    case "StringEquals":
      return some((value, text) => value === text)
    case "StringNotEquals":
      return !some((value, text) => value === text)
    case "StringEqualsIgnoreCase":
      return some((value, text) => value.toLowerCase() === text.toLowerCase())
    case "StringLike":
      return some(like)
    case "StringNotLike":
      return !some(like)
    case "ArnEquals":
    case "ArnLike":
      return some(arnLike)
    case "ArnNotEquals":
    case "ArnNotLike":
      return !some(arnLike)
    case "Null":
      return values.some((value) => (value === "true") === (actual === undefined))
  }
}

/** Each of the six parts of an ARN by itself. */
const arnLike = (pattern: string, arn: string): boolean => {
  const [patterns, parts] = [split(pattern), split(arn)]
  return patterns.length === 6 && parts.length === 6 && patterns.every((part, index) => like(part, parts[index] ?? ""))
}

const split = (arn: string): ReadonlyArray<string> => {
  const parts = arn.split(":")
  return parts.length < 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(":")]
}

/** `*`: any characters; `?`: any one. */
const like = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${Re.escape(pattern)
      .replaceAll(String.raw`\*`, ".*")
      .replaceAll(String.raw`\?`, ".")}$`,
    "s"
  ).test(text)

const list = (texts: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof texts === "string" ? [texts] : texts
