import type { Effect, Option, Scope } from "effect"
import { Context } from "effect"
import type { Pause } from "../domain/Pause.ts"
import type { BackendUnavailable } from "../domain/StartupError.ts"
import type { ConfigInvalid } from "./Config.ts"
import type { RedisError } from "./Redis.ts"

/**
 * What a command is for. `jobs`: nothing goes without it. `shares`: accounts get no fair shares without it. `probes`: the probes and the
 * metrics know less without it.
 */
export type CommandUse = "jobs" | "shares" | "probes"

/** A command that Redis would not carry out for the worker. */
export interface RefusedCommand {
  readonly command: string
  readonly use: CommandUse
  /** `unknown`: this Redis does not have it. `command`, `key`: the ACL does not grant it, or not on this key. */
  readonly why: "unknown" | "command" | "key" | "other"
  /** The patterns of the keys that it was tried on; Redis does not say which of them it refused. */
  readonly keys: ReadonlyArray<string>
  readonly reason: string
}

export interface CommandsTried {
  readonly tried: number
  readonly refused: ReadonlyArray<RefusedCommand>
  /** Commands that cannot be tried without a change, where the ACL does not grant MULTI. */
  readonly untried: ReadonlyArray<string>
}

/** A connection as the worker makes it. Nothing here changes anything. */
export interface RedisSession {
  readonly fetchMode: "blmove" | "brpop"
  /** The ACL user; `default` where none is named. */
  readonly user: string
  /** The fields of INFO by their names. None: the ACL does not grant INFO. */
  readonly info: Effect.Effect<Option.Option<Readonly<Record<string, string>>>, RedisError>
  /** Tries each command of the worker on its keys, without carrying it out. May run once in a session. */
  readonly tryCommands: Effect.Effect<CommandsTried, RedisError>
  /** The kill switch, as workers look at it. */
  readonly pauses: Effect.Effect<ReadonlyArray<Pause>, RedisError | BackendUnavailable>
}

/** Redis as the worker would meet it at its start. */
export class RedisProbe extends Context.Service<
  RedisProbe,
  { readonly connect: Effect.Effect<RedisSession, BackendUnavailable | ConfigInvalid, Scope.Scope> }
>()("worker-service-aws/services/RedisProbe") {}
