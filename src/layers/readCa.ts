import { Effect, FileSystem } from "effect"
import { ConfigInvalid } from "../services/Config.ts"

/** Reads the PEM file that a variable of the environment names. */
export const readCa = (variable: string) => (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (files) => files.readFileString(path)).pipe(
    Effect.mapError((error) => new ConfigInvalid({ faults: [`${variable}: ${error.message}`] }))
  )
