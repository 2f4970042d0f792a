import type { CommandUse } from "../../services/RedisProbe.ts"
import { keysOf } from "./keys.ts"

/** A command that the worker sends, in a form that does no harm. */
export interface WorkerCommand {
  readonly command: string
  readonly use: CommandUse
  /** Keys and further arguments. Even if carried out, they would move no job: they are invalid, or about nothing that exists. */
  readonly tries: ReadonlyArray<readonly [keys: ReadonlyArray<string>, ...rest: ReadonlyArray<string>]>
  /** If carried out, it would change something all the same. */
  readonly changes: boolean
}

/** No worker, account or request can have such an id. */
const nobody = "nobody!"

/** Every command that the worker sends in a fetch mode: what its ACL has to grant (README), what is tested, and what `doctor` tries. */
export const commandsOf = (queue: string, fetchMode: "blmove" | "brpop"): ReadonlyArray<WorkerCommand> => {
  const keys = keysOf(queue)
  const own = keys.processing(nobody)
  const parked = keys.parked(nobody)
  const harmless = (command: string, use: CommandUse, ...tries: WorkerCommand["tries"]): WorkerCommand => ({
    command,
    use,
    tries,
    changes: false
  })
  const changing = (command: string, use: CommandUse, ...tries: WorkerCommand["tries"]): WorkerCommand => ({
    ...harmless(command, use, ...tries),
    changes: true
  })
  const always = [
    harmless("del", "jobs", [[keys.cachedStatus(nobody)]]),
    harmless("lindex", "probes", [[keys.queue], "-1"]),
    changing("lpush", "jobs", [[keys.queue], nobody], [[keys.deadLetters], nobody])
  ]
  return fetchMode === "brpop"
    ? [
        harmless("brpop", "jobs", [[keys.queue], "no timeout"]),
        changing("rpush", "jobs", [[keys.queue], nobody]),
        harmless("llen", "probes", [[keys.queue]], [[keys.deadLetters]]),
        ...always
      ]
    : [
        harmless("blmove", "jobs", [[keys.queue, own], "RIGHT", "nowhere", "1"]),
        harmless("lmove", "shares", [[keys.queue, own], "RIGHT", "nowhere"], [[parked, own], "RIGHT", "nowhere"]),
        harmless("lrange", "jobs", [[own], "0", "0"], [[keys.queue], "0", "0"], [[parked], "0", "0"]),
        harmless("lrem", "jobs", [[own], "no count", nobody]),
        changing("rpush", "jobs", [[keys.queue], nobody], [[own], nobody]),
        harmless("llen", "jobs", [[keys.queue]], [[own]], [[parked]], [[keys.deadLetters]]),
        harmless("zadd", "jobs", [[keys.workers], "no score", nobody], [[keys.delayed], "no score", nobody]),
        harmless("zrem", "jobs", [[keys.workers], nobody], [[keys.delayed], nobody]),
        harmless(
          "zrangebyscore",
          "jobs",
          [[keys.workers], "no", "score"],
          [[keys.delayed], "no", "score"],
          [[keys.paused], "no", "score"]
        ),
        changing("sadd", "shares", [[keys.parkedAccounts], nobody]),
        harmless("srem", "shares", [[keys.parkedAccounts], nobody]),
        harmless("srandmember", "shares", [[keys.parkedAccounts], "1"]),
        ...always
      ]
}

export type KeylessCommand = "multi" | "exec" | "ping"

/** Those that are about no key. */
export const keylessCommands = (
  fetchMode: "blmove" | "brpop"
): ReadonlyArray<{ readonly command: KeylessCommand; readonly use: CommandUse }> => {
  const ping = { command: "ping", use: "probes" } as const
  return fetchMode === "brpop" ? [ping] : [{ command: "multi", use: "jobs" }, { command: "exec", use: "jobs" }, ping]
}
