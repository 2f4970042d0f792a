import { Schema } from "effect"

/** The bench cannot go on, or what it measured is not what it set out to measure. */
export class BenchFailure extends Schema.TaggedError<BenchFailure>()("BenchFailure", { message: Schema.String }) {}
