import { useEffect, useState } from "preact/hooks"

/** What is open, as the page's address says it, so that a link to it can be shared. */
export interface Route {
  readonly search: string
  /** A correlation id. */
  readonly request: string
}

const read = (): Route => {
  const params = new URLSearchParams(window.location.hash.slice(1))
  return { search: params.get("search") ?? "", request: params.get("request") ?? "" }
}

/** A link to what is open now, with these changes. */
export const linkTo = (changes: Partial<Route>): string => {
  const open = Object.entries({ ...read(), ...changes }).filter(([, value]) => value !== "")
  return `#${new URLSearchParams(open)}`
}

export const goTo = (changes: Partial<Route>): void => {
  window.location.hash = linkTo(changes)
}

export const useRoute = (): Route => {
  const [route, setRoute] = useState(read)
  useEffect(() => {
    const follow = () => setRoute(read())
    window.addEventListener("hashchange", follow)
    return () => window.removeEventListener("hashchange", follow)
  }, [])
  return route
}
