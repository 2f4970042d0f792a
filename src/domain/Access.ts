import { Option } from "effect"

/** What a settled request did to one attachment: a policy and a principal of one account. Ends that left it as it was did nothing. */
export type Change =
  | {
      readonly _tag: "Granted"
      readonly id: string
      /**
       * `until its end`: which is still to come, and is not the one that asks. `no more`: it has come, or the grant failed and yet may
       * have attached the policy.
       */
      readonly holds: "for good" | "until its end" | "no more"
      /** It did not find the policy attached. */
      readonly attached: boolean
    }
  | {
      readonly _tag: "Detached"
      readonly id: string
      /** Milliseconds. */
      readonly age: number
    }

/**
 * Why the end of a grant leaves the attachment as it is; none: it detaches. `history` is in the order in which the requests took
 * effect.
 *
 * A grant that found the policy attached does not show whose it is: it may have been there before all grants, or be an earlier one's,
 * which this one outlasts. So what counts is whether any of them attached it since it was last detached.
 */
export const reasonToLeave = (grantId: string, history: ReadonlyArray<Change>): Option.Option<string> => {
  let ours = false
  let holders: ReadonlyArray<string> = []
  let detachedBy: string | undefined
  for (const change of history) {
    if (change._tag === "Detached") {
      ours = false
      holders = []
      detachedBy = change.id
      continue
    }
    if (change.attached) ours = true
    if (change.id === grantId) detachedBy = undefined
    // A grant that failed in doubt and was tried again has two ends: the first does not end what the second is for.
    if (change.holds === "until its end" || (change.holds === "for good" && change.id !== grantId)) {
      holders = [...holders, change.id]
    }
  }
  const holder = holders.at(-1)
  if (holder !== undefined) return Option.some(`still held by ${holder}`)
  if (ours) return Option.none()
  return Option.some(
    detachedBy === undefined ? "it was attached before the grant" : `already so since request ${detachedBy}`
  )
}

/** Milliseconds; IAM is "eventually consistent", and changes show within seconds. https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html */
const propagation = 60_000

/** Whether a policy that IAM lists as attached may be what was detached just now. */
export const mayBeStale = (history: ReadonlyArray<Change>): boolean => {
  const last = history.at(-1)
  return last?._tag === "Detached" && last.age < propagation
}
