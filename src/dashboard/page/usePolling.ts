import { useEffect, useState } from "preact/hooks"

export interface Polled<A> {
  /** The last answer, however old. */
  readonly value: A | undefined
  /** When it came: Unix milliseconds. */
  readonly at: number | undefined
  /** Why the last attempt brought no answer. */
  readonly problem: string | undefined
}

/** Asks again and again, but not while nobody sees the page. */
export const usePolling = <A>(ask: () => Promise<A>, everyMillis: number): Polled<A> => {
  const [state, setState] = useState<Polled<A>>({ value: undefined, at: undefined, problem: undefined })

  useEffect(() => {
    let timer: number | undefined
    let asking = false
    let over = false

    const tick = async () => {
      if (asking || over || document.hidden) return
      asking = true
      try {
        const value = await ask()
        setState({ value, at: Date.now(), problem: undefined })
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error)
        setState((before) => ({ ...before, problem }))
      }
      asking = false
      timer = window.setTimeout(() => void tick(), everyMillis)
    }
    const wake = () => {
      window.clearTimeout(timer)
      void tick()
    }

    void tick()
    document.addEventListener("visibilitychange", wake)
    return () => {
      over = true
      window.clearTimeout(timer)
      document.removeEventListener("visibilitychange", wake)
    }
  }, [ask, everyMillis])

  return state
}
