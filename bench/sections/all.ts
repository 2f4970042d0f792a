import type { Section } from "../Section.ts"
import { curves } from "./curves.ts"
import { hot } from "./hot.ts"
import { idle } from "./idle.ts"
import { memory } from "./memory.ts"
import { million } from "./million.ts"
import { replicas } from "./replicas.ts"
import { scopes } from "./scopes.ts"
import { starts } from "./starts.ts"
import { throughput } from "./throughput.ts"
import { traffic } from "./traffic.ts"
import { waiting } from "./waiting.ts"

/** In the order in which they run. */
export const sections: ReadonlyArray<Section> = [
  starts,
  traffic,
  throughput,
  waiting,
  idle,
  hot,
  million,
  memory,
  replicas,
  scopes,
  curves
]
