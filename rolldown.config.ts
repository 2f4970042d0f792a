import { readFileSync } from "node:fs"
import { defineConfig } from "rolldown"

const page = "src/dashboard/page"

export default defineConfig([
  /**
   * The program and all that it needs in one file, beside a few that are seldom loaded: it starts in half the time of its thousand
   * modules. Names stay as they are, for those who read a stack trace.
   */
  {
    input: "src/main.ts",
    platform: "node",
    logLevel: "warn",
    output: { dir: "dist", cleanDir: true, format: "esm", minify: { compress: true, mangle: false, codegen: true } }
  },
  /** The dashboard's page, which the program serves. */
  {
    input: { app: `${page}/app.tsx`, "sign-in": `${page}/sign-in.ts` },
    platform: "browser",
    logLevel: "warn",
    tsconfig: `${page}/tsconfig.json`,
    plugins: [
      {
        name: "page files",
        buildStart() {
          for (const fileName of ["index.html", "sign-in.html", "styles.css", "icon.svg"]) {
            this.emitFile({ type: "asset", fileName, source: readFileSync(`${page}/${fileName}`) })
          }
        }
      }
    ],
    output: { dir: "dist/dashboard", format: "esm", minify: true }
  }
])
