import { defineConfig } from "vitest/config"

/** What is timed with real processes runs after everything else, one file at a time: it needs the machine for itself. */
const chaos = "test/chaos/**/*.test.ts"

export default defineConfig({
  test: {
    globalSetup: "test/servers.ts",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Most of the time tests wait for processes; by itself vitest leaves one core idle.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: { name: "all", include: ["test/**/*.test.ts"], exclude: [chaos], sequence: { groupOrder: 0 } }
      },
      {
        extends: true,
        test: { name: "chaos", include: [chaos], fileParallelism: false, sequence: { groupOrder: 1 } }
      }
    ]
  }
})
