/** Added after the first attempt, so that there is no endless loop. */
const tried = "?again"

const { hash, search } = window.location

// The sign-in leads where the link led.
document.querySelector("form")?.setAttribute("action", `/session${hash}`)

/**
 * A browser that follows a link from another site does not send its session along. A request from this page does, so the page is asked for
 * once more from here.
 */
if (search !== tried) {
  const answer = await fetch("/session")
  const { signedIn }: { readonly signedIn: boolean } = await answer.json()
  if (signedIn) window.location.replace(`/${tried}${hash}`)
}
