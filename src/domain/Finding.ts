/** `failed`: the worker cannot do its work, or not all of it. `skipped`: could not be checked, for the reason that `detail` gives. */
export type Verdict = "ok" | "warning" | "failed" | "skipped"

export interface Outcome {
  readonly status: Verdict
  readonly detail: string
  /** What to do about it. Null: nothing. */
  readonly remedy: string | null
}

/** What one check of the doctor found. */
export interface Finding extends Outcome {
  readonly check: string
}

export const ok = (detail: string): Outcome => ({ status: "ok", detail, remedy: null })
export const skipped = (detail: string): Outcome => ({ status: "skipped", detail, remedy: null })
export const warning = (detail: string, remedy: string): Outcome => ({ status: "warning", detail, remedy })
export const failed = (detail: string, remedy: string): Outcome => ({ status: "failed", detail, remedy })
