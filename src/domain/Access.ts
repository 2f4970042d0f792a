import { Option } from "effect"

/** What a settled request did to one attachment: one policy on one principal of one account. An end that left it as it was is no change. */
export type Change =
  | {
      readonly _tag: "Granted"
      readonly id: string
      /**
       * `until its end`: the end is still to come, and is not the request that asks. `no more`: the end has come, or the grant failed but
       * may have attached the policy all the same.
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
 * Why the end of a grant leaves the attachment as it is; none: it detaches the policy. `history` is in the order in which the requests
 * took effect.
 *
 * A grant that found the policy attached does not show who attached it: it may have been there before all grants, or belong to an earlier
 * grant that this one outlasts. So what counts is whether any grant has attached it since it was last detached.
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

/** Whether a policy that IAM lists as attached may be one that was detached just now. */
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
 * What an attachment should be. `attached`: a grant holds it. `detached`: nothing does. `ended`: it should be detached, but the end of the
 * grant that attached it is overdue or has failed. `unknown`: somebody else may have attached it, or a request is in doubt.
 */
export type Expected = "attached" | "detached" | "ended" | "unknown"

/**
 * What settled requests say about their attachment, by the same rule as `reasonToLeave`: what a grant holds is attached; what no grant
 * holds any more may be taken away only if a grant has attached it since it was last detached. Only the last change of each kind counts, so
 * the others may be left out. Here `no more` includes an overdue end.
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
