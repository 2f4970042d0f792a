import { Clock, Context, Effect, Exit, type Tracer } from "effect"

/** Whether jobs get spans. If not, none is made, and all that this costs is one look at the fiber's context. */
export const JobsAreTraced = Context.Reference<boolean>("worker-service-aws/domain/JobsAreTraced", {
  defaultValue: () => false
})

/** A span in the making. `error`: what the job failed with, which for the worker is an ordinary outcome. */
interface Traced {
  readonly span: Tracer.Span
  error: { readonly _tag: string } | undefined
}

const CurrentJob = Context.Reference<Traced | undefined>("worker-service-aws/domain/CurrentJob", {
  defaultValue: () => undefined
})

export interface SpanOptions extends Pick<Tracer.SpanOptionsNoTrace, "attributes" | "kind"> {
  readonly name: string
}

type Attributes = Readonly<Record<string, unknown>>

/** The life of one job, as a trace of its own: the producer's is linked to it, since it may have ended long ago. */
export const traceJob = <A, E, R, R2>(
  life: Effect.Effect<A, E, R>,
  options: Effect.Effect<SpanOptions, never, R2>
): Effect.Effect<A, E, R | R2> =>
  Effect.withFiber((fiber) =>
    fiber.getRef(JobsAreTraced)
      ? Effect.gen(function* () {
          const { name, ...others } = yield* options
          const span = yield* Effect.withTracerEnabled(Effect.makeSpan(name, { ...others, root: true }), true)
          const traced: Traced = { span, error: undefined }
          return yield* life.pipe(
            Effect.provideService(CurrentJob, traced),
            Effect.onExit((exit) => end(span, traced.error === undefined ? exit : Exit.fail(traced.error)))
          )
        })
      : life
  )

/** A step of a job, as a child of its span. Without one, such as in a sweep, it is not traced. */
export const traceStep = <A, E, R>(
  step: Effect.Effect<A, E, R>,
  options: () => SpanOptions,
  /** What is known at its end. A step that fails is an answer, and an error only if these have an `error.type`. */
  attributes: (exit: Exit.Exit<A, E>) => Attributes = ofDefect
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const job = fiber.getRef(CurrentJob)
    if (job === undefined) return step
    const { name, ...others } = options()
    return Effect.makeSpan(name, { ...others, parent: job.span }).pipe(
      Effect.withTracerEnabled(true),
      Effect.flatMap((span) =>
        Effect.onExit(step, (exit) => {
          const known = attributes(exit)
          annotate(span, known)
          return end(span, "error.type" in known || Exit.hasInterrupts(exit) ? exit : Exit.void)
        })
      )
    )
  })

/** Tells the job's span what has become known of the job. */
export const tellJob = (
  tell: () => {
    readonly attributes: Attributes
    readonly links?: ReadonlyArray<Tracer.SpanLink>
    readonly error?: { readonly _tag: string } | undefined
  }
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const job = fiber.getRef(CurrentJob)
    if (job === undefined) return Effect.void
    const { attributes, error, links = [] } = tell()
    annotate(job.span, error === undefined ? attributes : { ...attributes, "error.type": error._tag })
    job.span.addLinks(links)
    job.error ??= error
    return Effect.void
  })

const annotate = (span: Tracer.Span, attributes: Attributes) => {
  for (const [name, value] of Object.entries(attributes)) span.attribute(name, value)
}

const end = (span: Tracer.Span, exit: Exit.Exit<unknown, unknown>) =>
  Effect.map(Clock.currentTimeNanos, (now) => span.end(now, exit))

function ofDefect(exit: Exit.Exit<unknown, unknown>): Attributes {
  return Exit.hasDies(exit) ? { "error.type": "defect" } : {}
}
