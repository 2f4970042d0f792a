import type { Contestant } from "../Contestant.ts"
import { redisList } from "./redisList.ts"
import { startPeer } from "./startPeer.ts"

/** The Python worker's design, in this language. */
export const seed: Contestant = { name: "seed's design", place: redisList, start: startPeer("seed") }
