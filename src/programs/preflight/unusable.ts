import { failed, type Outcome } from "../../domain/Finding.ts"
import type { BackendUnavailable } from "../../domain/StartupError.ts"

/** A backend that cannot be connected to; `doctor` says more about why. */
export const unusable = ({ address, reason, remedy }: BackendUnavailable): Outcome =>
  failed(`cannot use ${address}: ${reason}`, remedy)
