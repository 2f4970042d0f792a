import { GetCallerIdentityCommand } from "@aws-sdk/client-sts"
import { ListAttachedUserPoliciesCommand } from "@aws-sdk/client-iam"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalAws } from "../../../local/aws/LocalAws.ts"
import { assume, declareWorld, facts, iamClient, keysOf, send, stsClient, withAws } from "./fixture.ts"

const identity = new GetCallerIdentityCommand()

/** Sends a form body by hand, for what the SDK would never send. */
const post = Effect.fnUntraced(function* (body: string, headers: Record<string, string> = {}) {
  const { url } = yield* LocalAws
  const response = yield* Effect.promise(() => fetch(url, { method: "POST", body, headers }))
  return { response, text: yield* Effect.promise(() => response.text()) }
})

const whoAmI = "Action=GetCallerIdentity&Version=2011-06-15"
const authorization = (parts: string): Record<string, string> => ({
  authorization: `AWS4-HMAC-SHA256 ${parts}`,
  "x-amz-date": "20260101T000000Z"
})

describe("keys", () => {
  it.effect("that are unknown", () =>
    Effect.gen(function* () {
      const sts = yield* stsClient({ credentials: { accessKeyId: "AKIAUNKNOWN", secretAccessKey: "secret" } })
      const error = yield* Effect.flip(send((options) => sts.send(identity, options)))
      assert.deepStrictEqual(facts(error), ["InvalidClientTokenId", 403, "Sender"])
      assert.strictEqual(error.message, "The security token included in the request is invalid.")
    }).pipe(withAws())
  )

  it.effect("with a wrong secret", () =>
    Effect.gen(function* () {
      const { calls, master } = yield* LocalAws
      const sts = yield* stsClient({ credentials: { ...master, secretAccessKey: "wrong" } })
      const error = yield* Effect.flip(send((options) => sts.send(identity, options)))
      assert.deepStrictEqual(facts(error), ["SignatureDoesNotMatch", 403, "Sender"])
      assert.match(error.message, /^The request signature we calculated does not match the signature you provided\./)
      assert.strictEqual(calls.list()[0]?.accountId, master.accountId)
    }).pipe(withAws())
  )

  it.effect("of a session need its token, and no other", () =>
    Effect.gen(function* () {
      const { master } = yield* declareWorld()
      const { accessKeyId, secretAccessKey, sessionToken } = keysOf(yield* assume())
      const wrong = [
        { accessKeyId, secretAccessKey },
        { accessKeyId, secretAccessKey, sessionToken: "wrong" },
        { accessKeyId: master.accessKeyId, secretAccessKey: master.secretAccessKey, sessionToken }
      ]
      for (const credentials of wrong) {
        const iam = yield* iamClient({ credentials })
        const error = yield* Effect.flip(
          send((options) => iam.send(new ListAttachedUserPoliciesCommand({ UserName: "alice" }), options))
        )
        assert.deepStrictEqual(facts(error), ["InvalidClientTokenId", 403, "Sender"])
      }
    }).pipe(withAws())
  )
})

describe("the clock", () => {
  it.effect.each([
    ["behind", 6, /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/],
    [
      "ahead",
      -6,
      /^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 5 min\.\)$/
    ]
  ] as const)("%s by more than five minutes", ([, minutes, message]) =>
    Effect.gen(function* () {
      const { setClockOffset } = yield* LocalAws
      setClockOffset(minutes * 60_000)
      const sts = yield* stsClient()
      const error = yield* Effect.flip(send((options) => sts.send(identity, options)))
      assert.deepStrictEqual(facts(error), ["SignatureDoesNotMatch", 403, "Sender"])
      assert.match(error.message, message)
      // The SDK learns the difference from the answer's Date header.
      yield* send((options) => sts.send(identity, options))
    }).pipe(withAws())
  )

  it.effect.each([4, -4])("may be off by %i minutes", (minutes) =>
    Effect.gen(function* () {
      const { setClockOffset } = yield* LocalAws
      setClockOffset(minutes * 60_000)
      const sts = yield* stsClient()
      yield* send((options) => sts.send(identity, options))
    }).pipe(withAws())
  )
})

describe("requests the SDK never makes", () => {
  it.effect("without a signature", () =>
    Effect.gen(function* () {
      const { response, text } = yield* post(whoAmI)
      assert.strictEqual(response.status, 403)
      assert.strictEqual(response.headers.get("content-type"), "text/xml")
      const requestId = response.headers.get("x-amzn-requestid") ?? ""
      assert.strictEqual(
        text,
        `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>MissingAuthenticationToken</Code>
    <Message>Request is missing Authentication Token</Message>
  </Error>
  <RequestId>${requestId}</RequestId>
</ErrorResponse>
`
      )
    }).pipe(withAws())
  )

  it.effect.each<readonly [string, Record<string, string>, string]>([
    ["another algorithm", { authorization: "Bearer x" }, "Unsupported AWS &#39;algorithm&#39;: &#39;Bearer&#39;."],
    ["a part without a value", authorization("Credential"), "not a valid key=value pair (missing equal-sign)"],
    [
      "no signature",
      authorization("Credential=a/b/c/d/e, SignedHeaders=host"),
      "Authorization header requires &#39;Signature&#39; parameter."
    ],
    [
      "no date",
      { authorization: "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c" },
      "requires existence of either a &#39;X-Amz-Date&#39; or a &#39;Date&#39; header."
    ],
    [
      "a short scope",
      authorization("Credential=a/b, SignedHeaders=host, Signature=c"),
      "Credential must have exactly 5 slash-delimited elements"
    ],
    [
      "a date of another form",
      { ...authorization("Credential=a/b/c/d/e, SignedHeaders=host, Signature=c"), "x-amz-date": "yesterday" },
      "Date must be in ISO-8601 &#39;basic format&#39;. Got &#39;yesterday&#39;."
    ]
  ])("with %s", ([, headers, message]) =>
    Effect.gen(function* () {
      const { response, text } = yield* post(whoAmI, headers)
      assert.strictEqual(response.status, 400)
      assert.include(text, "<Code>IncompleteSignature</Code>")
      assert.include(text, message)
    }).pipe(withAws())
  )

  it.effect.each<readonly [string, string, string]>([
    ["another service", "AKIALOCALAWSMASTER01/20260101/us-east-1/iam/aws4_request", "correct service: &#39;sts&#39;"],
    [
      "another terminator",
      "AKIALOCALAWSMASTER01/20260101/us-east-1/sts/aws5_request",
      "valid terminator: &#39;aws4_request&#39;, not &#39;aws5_request&#39;"
    ],
    [
      "another day",
      "AKIALOCALAWSMASTER01/20251231/us-east-1/sts/aws4_request",
      "&#39;20251231&#39; != &#39;20260101&#39;"
    ]
  ])("scoped to %s", ([, scope, message]) =>
    Effect.gen(function* () {
      const { response, text } = yield* post(
        whoAmI,
        authorization(`Credential=${scope}, SignedHeaders=host, Signature=c`)
      )
      assert.strictEqual(response.status, 403)
      assert.include(text, "<Code>SignatureDoesNotMatch</Code>")
      assert.include(text, message)
    }).pipe(withAws())
  )

  it.effect.each([
    ["", "MissingAction", "missing an action"],
    [
      "Action=DeleteUser&Version=2010-05-08",
      "InvalidAction",
      "Could not find operation DeleteUser for version 2010-05-08"
    ],
    [
      "Action=AttachUserPolicy&Version=2011-06-15",
      "InvalidAction",
      "Could not find operation AttachUserPolicy for version 2011-06-15"
    ],
    [
      "Action=AttachUserPolicy",
      "InvalidAction",
      "Could not find operation AttachUserPolicy for version NO_VERSION_SPECIFIED"
    ]
  ] as const)("with the body %j", ([body, code, message]) =>
    Effect.gen(function* () {
      const { response, text } = yield* post(body)
      assert.strictEqual(response.status, 400)
      assert.include(text, `<Code>${code}</Code>`)
      assert.include(text, message)
    }).pipe(withAws())
  )

  it.effect("elsewhere", () =>
    Effect.gen(function* () {
      const { url } = yield* LocalAws
      const response = yield* Effect.promise(() => fetch(`${url}/elsewhere`))
      assert.strictEqual(response.status, 404)
    }).pipe(withAws())
  )
})
