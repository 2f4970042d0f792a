import type { Effect, FileSystem, PlatformError, Scope } from "effect"
import type { HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import type { SqlClient, SqlError } from "effect/sql"
import type { BenchFailure } from "./BenchFailure.ts"
import type { Servers } from "./servers.ts"

/** What anything in here may need, and may fail with. */
export type Needs =
  | Servers
  | SqlClient.SqlClient
  | HttpClient.HttpClient
  | FileSystem.FileSystem
  | ChildProcessSpawner.ChildProcessSpawner
export type Failure = BenchFailure | SqlError.SqlError | PlatformError.PlatformError

/** A process that takes jobs. */
export interface Running {
  readonly pid: number
  /** SIGTERM, and exit status 0. */
  readonly stop: Effect.Effect<void, BenchFailure>
}

/** Some jobs under one name, which is their rows' `client_req_id`. */
export interface Batch {
  readonly name: string
  readonly jobs: number
}

/** Where jobs are put for a contestant. */
export interface JobPlace {
  /** Puts payloads where nobody takes them yet. */
  readonly stage: (payloads: ReadonlyArray<string>) => Effect.Effect<void, Failure, Needs>
  /** Lets all that is staged be taken, at once. */
  readonly release: (batch: Batch) => Effect.Effect<void, Failure, Needs>
  /** What is not empty though all jobs are settled. */
  readonly left: Effect.Effect<ReadonlyArray<string>, Failure, Needs>
}

/** Something that does the worker's work. */
export interface Contestant {
  readonly name: string
  readonly place: JobPlace
  /** Ready for jobs when it returns. */
  readonly start: (options: { readonly concurrency: number }) => Effect.Effect<Running, Failure, Needs | Scope.Scope>
}
