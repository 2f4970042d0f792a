import { assert, it } from "@effect/vitest"
import { failure } from "../../../local/aws/Errors.ts"
import { errorXml, escapeXml, successXml } from "../../../local/aws/Xml.ts"

it("an answer without a result", () => {
  const spec = { service: "iam", name: "AttachUserPolicy", verb: "attach", principalType: "User" } as const
  assert.strictEqual(
    successXml(spec, undefined, "id"),
    `<AttachUserPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <ResponseMetadata>
    <RequestId>id</RequestId>
  </ResponseMetadata>
</AttachUserPolicyResponse>
`
  )
})

it("an answer with a result", () => {
  assert.strictEqual(
    successXml({ service: "sts", name: "GetCallerIdentity" }, "    <Account>1</Account>\n", "id"),
    `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Account>1</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>id</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`
  )
})

it("an error that is AWS's fault", () => {
  assert.strictEqual(
    errorXml("iam", failure("ServiceFailure", "<&>"), "id"),
    `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <Error>
    <Type>Receiver</Type>
    <Code>ServiceFailure</Code>
    <Message>&lt;&amp;&gt;</Message>
  </Error>
  <RequestId>id</RequestId>
</ErrorResponse>
`
  )
})

it("text is escaped", () => {
  assert.strictEqual(escapeXml(`a&b<c>d"e'f`), "a&amp;b&lt;c&gt;d&quot;e&#39;f")
  assert.strictEqual(escapeXml("plain"), "plain")
})
