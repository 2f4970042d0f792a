import { Effect } from "effect"
import { startChild } from "../child.ts"
import type { Running } from "../Contestant.ts"
import { Servers } from "../servers.ts"

/** Starts a script of `bench/peers` and waits for its `ready`. */
export const startPeer =
  (script: string) =>
  ({ concurrency }: { readonly concurrency: number }) =>
    Effect.gen(function* () {
      const { awsUrl, postgres, redis } = yield* Servers
      const told = {
        aws: awsUrl,
        redis: `${redis.host}:${redis.port}`,
        postgres: `${postgres.host}:${postgres.port}`,
        password: postgres.password,
        concurrency: String(concurrency)
      }
      const args = Object.entries(told).map(([name, value]) => `--${name}=${value}`)
      const { pid, readyWhen, saysReady, stop } = yield* startChild(script, [`bench/peers/${script}.ts`, ...args], {})
      yield* readyWhen(saysReady)
      return { pid, stop } satisfies Running
    })
