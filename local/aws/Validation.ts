import { type AwsFailure, failure } from "./Errors.ts"

/** A constraint on one parameter, as the service models state it. Lengths are in UTF-16 code units. */
interface TextRule {
  readonly min: number
  readonly max: number
  /** Without anchors, as AWS prints it. */
  readonly pattern?: string
  readonly optional?: boolean
}

/** Collects what is wrong with a call's parameters and words it as AWS does. */
export class Validation {
  readonly #params: URLSearchParams
  readonly #problems: Array<string> = []

  constructor(params: URLSearchParams) {
    this.#params = params
  }

  #fail(name: string, value: string | null, constraint: string): void {
    const member = name.charAt(0).toLowerCase() + name.slice(1)
    const shown = value === null ? "null" : `'${value}'`
    this.#problems.push(`Value ${shown} at '${member}' failed to satisfy constraint: Member must ${constraint}`)
  }

  /** A text parameter; the empty string stands for an absent one. */
  text(name: string, rule: TextRule): string {
    const value = this.#params.get(name)
    if (value === null) {
      if (rule.optional !== true) this.#fail(name, null, "not be null")
      return ""
    }
    if (value.length < rule.min) this.#fail(name, value, `have length greater than or equal to ${rule.min}`)
    if (value.length > rule.max) this.#fail(name, value, `have length less than or equal to ${rule.max}`)
    if (rule.pattern !== undefined && !matches(rule.pattern, value)) {
      this.#fail(name, value, `satisfy regular expression pattern: ${rule.pattern}`)
    }
    return value
  }

  /** A whole number within bounds. */
  integer(name: string, min: number, max: number, absent: number): number {
    const text = this.#params.get(name)
    if (text === null) return absent
    const value = Number(text)
    if (!/^-?\d+$/.test(text)) this.#fail(name, text, "be an integer")
    else if (value < min) this.#fail(name, text, `have value greater than or equal to ${min}`)
    else if (value > max) this.#fail(name, text, `have value less than or equal to ${max}`)
    return value
  }

  /** The ValidationError that lists every problem found, if there is any. */
  failure(): AwsFailure | undefined {
    const found = this.#problems.length
    if (found === 0) return undefined
    const heading = found === 1 ? "1 validation error detected: " : `${found} validation errors detected: `
    return failure("ValidationError", heading + this.#problems.join("; "))
  }
}

const compiled = new Map<string, RegExp>()

const matches = (pattern: string, value: string): boolean => {
  let regExp = compiled.get(pattern)
  if (regExp === undefined) {
    regExp = new RegExp(`^(?:${pattern})$`)
    compiled.set(pattern, regExp)
  }
  return regExp.test(value)
}
