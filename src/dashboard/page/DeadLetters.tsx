import { useEffect, useState } from "preact/hooks"
import type { DeadLetterView } from "../../domain/Overview.ts"
import { deadLetters, replay } from "./api.ts"
import { Dialog } from "./Dialog.tsx"
import { Ago } from "./Time.tsx"
import { linkTo } from "./useRoute.ts"

const Letter = ({
  letter,
  now,
  onReplay
}: {
  readonly letter: DeadLetterView
  readonly now: number
  readonly onReplay: () => void
}) => (
  <li>
    <span class="line">
      <span class="badge error">{letter.reason}</span>
      <span class="reason">{letter.message}</span>
      <Ago at={letter.failedAt} now={now} />
    </span>
    <details>
      <summary>Payload</summary>
      <pre tabIndex={0}>{letter.payload}</pre>
      {!letter.isText && <p class="quiet">In base64, since it is not UTF-8.</p>}
    </details>
    <span class="line">
      {letter.correlationId === null ? (
        <span class="quiet">names no request</span>
      ) : (
        <a class="code" href={linkTo({ request: letter.correlationId })}>
          {letter.correlationId}
        </a>
      )}
      <button type="button" onClick={onReplay}>
        Replay…
      </button>
    </span>
  </li>
)

const ReplayDialog = ({
  letter,
  onClose,
  onDone
}: {
  readonly letter: DeadLetterView
  readonly onClose: () => void
  readonly onDone: (correlationId: string) => void
}) => {
  const [by, setBy] = useState("")
  const [why, setWhy] = useState("")
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState("")
  const confirm = async () => {
    setBusy(true)
    setProblem("")
    try {
      onDone((await replay(letter.id, { by: by.trim(), why: why.trim() })).correlationId)
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
      setBusy(false)
    }
  }
  return (
    <Dialog title="Replay this dead letter?" onClose={onClose}>
      <p>
        Its payload goes back to the queue, byte for byte, and is worked on like any other. A request that has failed is
        opened again for that, and its audit trail tells by whom and why.
      </p>
      <dl class="facts">
        <dt>Reason</dt>
        <dd>
          {letter.reason}: {letter.message}
        </dd>
        <dt>Request</dt>
        <dd class="code">{letter.correlationId ?? "none"}</dd>
      </dl>
      <pre tabIndex={0} aria-label="Payload">
        {letter.payload}
      </pre>
      <form
        class="replay"
        onSubmit={(event) => {
          event.preventDefault()
          void confirm()
        }}
      >
        <label>
          Your name
          <input
            required
            maxLength={100}
            value={by}
            autocomplete="name"
            onInput={(event) => setBy(event.currentTarget.value)}
          />
        </label>
        <label>
          Why
          <input required maxLength={500} value={why} onInput={(event) => setWhy(event.currentTarget.value)} />
        </label>
        <p class="problem" role="alert">
          {problem}
        </p>
        <p class="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            Replay
          </button>
        </p>
      </form>
    </Dialog>
  )
}

/** What was not a job, or is one no longer. `count`: how many there are; when it changes, they are read again. */
export const DeadLetters = ({ count, now }: { readonly count: number | undefined; readonly now: number }) => {
  const [letters, setLetters] = useState<ReadonlyArray<DeadLetterView>>([])
  const [chosen, setChosen] = useState<DeadLetterView | undefined>(undefined)
  const [said, setSaid] = useState("")
  useEffect(() => {
    let over = false
    if (count === 0) setLetters([])
    else {
      deadLetters().then(
        (answer) => over || setLetters(answer.letters),
        (error: unknown) => over || setSaid(error instanceof Error ? error.message : String(error))
      )
    }
    return () => {
      over = true
    }
  }, [count])
  return (
    <section aria-labelledby="dead-letters">
      <h2 id="dead-letters" tabIndex={-1}>
        Dead letters
      </h2>
      <p role="status" class="quiet">
        {said}
      </p>
      {letters.length === 0 ? (
        <p class="quiet">None.</p>
      ) : (
        <ul class="rows letters">
          {letters.map((letter) => (
            <Letter key={letter.id} letter={letter} now={now} onReplay={() => setChosen(letter)} />
          ))}
        </ul>
      )}
      {letters.length > 0 && count !== undefined && count > letters.length && (
        <p class="quiet">
          The newest {letters.length} of {count}.
        </p>
      )}
      {chosen !== undefined && (
        <ReplayDialog
          letter={chosen}
          onClose={() => setChosen(undefined)}
          onDone={(correlationId) => {
            setSaid(`Replayed: the job of ${correlationId} is in the queue again.`)
            setLetters(letters.filter(({ id }) => id !== chosen.id))
            setChosen(undefined)
          }}
        />
      )}
    </section>
  )
}
