/** As far as the worker's own policies go: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
export interface PolicyDocument {
  readonly Version: "2012-10-17"
  readonly Statement: ReadonlyArray<Statement>
}

export interface Statement {
  readonly Sid: string
  readonly Effect: "Allow" | "Deny"
  /** In a trust policy, who may assume the role. */
  readonly Principal?: { readonly AWS: string }
  readonly Action?: string | ReadonlyArray<string>
  readonly NotAction?: ReadonlyArray<string>
  readonly Resource?: string | ReadonlyArray<string>
  /** By operator, then by condition key. */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | ReadonlyArray<string>>>>>
}

export const policyDocument = (...statements: ReadonlyArray<Statement>): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: statements
})
