/** Only undici's agent: with the whole package the worker takes 4 MB more, and does not start on Node.js 20. */
declare module "undici/lib/dispatcher/agent.js" {
  export { Agent as default } from "undici"
}
