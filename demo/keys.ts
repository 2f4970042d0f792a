import { workerId } from "./environment.ts"

export const queue = "queue:aws"
export const deadLetters = "queue:aws_error"
/** The payloads that the worker holds. */
export const processing = `{queue:aws}:processing:${workerId}`
/** The API's cache for one request. */
export const statusKey = (correlationId: string) => `cache:status:${correlationId}`
