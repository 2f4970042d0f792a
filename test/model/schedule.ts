import { Schema } from "effect"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const worker = upTo(2)

const Submit = Schema.TaggedStruct("Submit", {
  key: upTo(2),
  action: Schema.Literals(["add", "add for a minute", "remove"]),
  /** In 50 ms: how long after its job the row is committed. */
  commit: upTo(4)
})
/** In 100 ms. */
const Wait = Schema.TaggedStruct("Wait", { time: upTo(12) })
const Trip = Schema.TaggedStruct("Trip", {
  worker,
  calls: upTo(9),
  when: Schema.Literals(["before", "after"]),
  harm: Schema.Literals(["kill", "pause", "fail"])
})

/** What can happen to the workers and around them. */
export const Step = Schema.Union([
  Submit,
  // Twice each, so that there is work while the rest happens.
  Submit.annotate({}),
  Trip,
  Trip.annotate({}),
  Wait,
  /** In seconds. */
  Schema.TaggedStruct("WaitLong", { time: upTo(15) }),
  Schema.TaggedStruct("Duplicate", { of: upTo(9) }),
  Schema.TaggedStruct("Kill", { worker }),
  Schema.TaggedStruct("Pause", { worker }),
  Schema.TaggedStruct("Resume", { worker }),
  /** SIGTERM */
  Schema.TaggedStruct("Stop", { worker }),
  /** In its place, where it is gone. */
  Schema.TaggedStruct("Boot", { worker }),
  Schema.TaggedStruct("LoseRedis", {}),
  /** In seconds. */
  Schema.TaggedStruct("Outage", { of: Schema.Literals(["database", "redis"]), time: upTo(8) }),
  Schema.TaggedStruct("AwsTrouble", { kind: Schema.Literals(["throttled", "lost before", "lost after"]) }),
  /** In seconds: the worker's wall clock jumps to so much after (or before) everybody else's. */
  Schema.TaggedStruct("Jump", { worker, by: Schema.Int.check(Schema.isBetween({ minimum: -20, maximum: 20 })) })
])
export type Step = typeof Step.Type
