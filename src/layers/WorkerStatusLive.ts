import { Effect, Layer, Option, Ref } from "effect"
import { type Paused, type Phase, WorkerStatus } from "../services/WorkerStatus.ts"

export const WorkerStatusLive = Layer.effect(
  WorkerStatus,
  Effect.all({
    phase: Ref.make<Phase>("starting"),
    endsAt: Ref.make(Number.POSITIVE_INFINITY),
    fetchFault: Ref.make(Option.none<string>()),
    credentialsFault: Ref.make(Option.none<string>()),
    paused: Ref.make<Paused>({ all: false, accounts: new Set() }),
    steadyFrom: Ref.make(Number.NEGATIVE_INFINITY),
    orphansBefore: Ref.make(Number.NEGATIVE_INFINITY)
  })
)
