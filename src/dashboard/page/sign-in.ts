/** Set once it was tried, so that it is not tried for ever. */
const tried = "?again"

const { hash, search } = window.location

// Where a link led, the sign-in leads, too.
document.querySelector("form")?.setAttribute("action", `/session${hash}`)

/**
 * A browser that follows a link from another site does not send the session along, although it has one. This request comes from here, so
 * it does, and then the page is asked for from here.
 */
if (search !== tried) {
  const answer = await fetch("/session")
  const { signedIn }: { readonly signedIn: boolean } = await answer.json()
  if (signedIn) window.location.replace(`/${tried}${hash}`)
}
