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
export const propagation = 60_000

/** Whether a policy that IAM lists as attached may be what was detached just now. */
export const mayBeStale = (history: ReadonlyArray<Change>): boolean => {
  const last = history.at(-1)
  return last?._tag === "Detached" && last.age < propagation
}

/** A request that failed although AWS may have carried it out. */
export interface InDoubt {
  readonly _tag: "InDoubt"
  readonly id: string
  readonly action: "add" | "remove"
}

/**
 * What an attachment has to be: `attached`, as a grant holds it; `detached`; `ended`, which is detached, too, but was not yet, as the end
 * of the grant that attached it is overdue or failed; `unknown`, where somebody else may have attached it or a request is in doubt.
 */
export type Expected = "attached" | "detached" | "ended" | "unknown"

/**
 * What settled requests say of their attachment, by the same law as `reasonToLeave`: what grants hold is attached, and what they hold no
 * more is theirs to take away only if one of them attached it since it was last detached. Only the last change of each kind counts, so the
 * others may be left out. `no more`: the end is overdue, too.
 */
export const expected = (history: ReadonlyArray<Change | InDoubt>): Expected => {
  let held = false
  let mayBeHeld = false
  let ours = false
  let otherwise: "detached" | "unknown" = "unknown"
  for (const change of history) {
    switch (change._tag) {
      case "Detached":
        held = false
        mayBeHeld = false
        ours = false
        otherwise = "detached"
        break
      case "Granted":
        if (change.holds !== "no more") held = true
        if (change.attached) ours = true
        else otherwise = "unknown"
        break
      case "InDoubt":
        if (change.action === "add") otherwise = "unknown"
        else {
          mayBeHeld ||= held
          held = false
        }
    }
  }
  if (held) return "attached"
  if (mayBeHeld) return "unknown"
  return ours ? "ended" : otherwise
}
