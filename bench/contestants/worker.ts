import type { Contestant } from "../Contestant.ts"
import { startWorker } from "../worker.ts"
import { redisList } from "./redisList.ts"

/** What is measured. */
export const worker: Contestant = { name: "worker", place: redisList, start: startWorker }
