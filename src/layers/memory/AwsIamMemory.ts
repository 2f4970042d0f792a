import { Context, Effect, Layer, Option } from "effect"
import { type AwsError, NoSuchEntity } from "../../domain/AwsError.ts"
import { operationOf, type PolicyChange, type Principal } from "../../domain/PolicyChange.ts"
import { AwsIam } from "../../services/AwsIam.ts"

/** What the next call of `apply` meets: before AWS acts; or after it has, and then its answer is lost. */
export interface Obstacle {
  readonly when: "before" | "after"
  readonly effect: Effect.Effect<void, AwsError>
}

/** What a test does to the IAM in memory, and sees of it. */
export class AwsIamControl extends Context.Service<
  AwsIamControl,
  {
    /** Each obstacle is met by one call, in this order. */
    readonly obstruct: (...obstacles: ReadonlyArray<Obstacle>) => void
    readonly attach: (change: PolicyChange) => void
    readonly detach: (change: PolicyChange) => void
    /** What each call of `attachedTo` meets before it is answered, by the principal. */
    readonly beforeListing: (meet: (principal: Principal) => Effect.Effect<void, AwsError>) => void
    readonly attachments: () => ReadonlyArray<string>
    /** The operations called, in their order. */
    readonly calls: () => ReadonlyArray<string>
    /** What STS answers when asked who the worker is. */
    readonly setIdentity: (identity: Effect.Effect<string, AwsError>) => void
  }
>()("worker-service-aws/layers/memory/AwsIamControl") {}

const principalOf = ({ accountId, principal, principalType }: Principal) => `${accountId}/${principalType}/${principal}`
const keyOf = (change: PolicyChange) => `${principalOf(change)} ${change.policyArn}`

/** `AwsIam` in this process's memory: every principal and policy exists. */
export const AwsIamMemory = Layer.effectContext(
  Effect.sync(() => {
    const attached = new Set<string>()
    const obstacles: Array<Obstacle> = []
    const calls: Array<string> = []
    let identity: Effect.Effect<string, AwsError> = Effect.succeed("arn:aws:iam::999999999999:user/worker")
    let meetListing: ((principal: Principal) => Effect.Effect<void, AwsError>) | undefined
    let requests = 0

    const answer = <A>(value: A) => ({ value, requestId: Option.some(`request-${++requests}`) })

    const carryOut = (change: PolicyChange) =>
      Effect.suspend(() => {
        if (change.action === "add") attached.add(keyOf(change))
        else if (!attached.delete(keyOf(change))) {
          return Effect.fail(
            new NoSuchEntity({ code: "NoSuchEntity", message: "not attached", operation: operationOf(change) })
          )
        }
        return Effect.succeed(answer(undefined))
      })

    const iam = AwsIam.of({
      apply: (change) =>
        Effect.suspend(() => {
          calls.push(operationOf(change))
          const obstacle = obstacles.shift()
          if (obstacle === undefined) return carryOut(change)
          return obstacle.when === "before"
            ? Effect.andThen(obstacle.effect, carryOut(change))
            : Effect.tap(carryOut(change), () => obstacle.effect)
        }),
      isAttached: (change) =>
        Effect.sync(() => {
          calls.push(`ListAttached${change.principalType}Policies`)
          return answer(attached.has(keyOf(change)))
        }),
      attachedTo: (principal) =>
        Effect.suspend(() => {
          calls.push(`ListAttached${principal.principalType}Policies`)
          return Effect.map(meetListing?.(principal) ?? Effect.void, () => {
            const prefix = `${principalOf(principal)} `
            return answer([...attached].flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : [])))
          })
        }),
      identity: Effect.suspend(() => {
        calls.push("GetCallerIdentity")
        return identity
      })
    })

    return Context.make(AwsIam, iam).pipe(
      Context.add(AwsIamControl, {
        obstruct: (...more) => void obstacles.push(...more),
        attach: (change) => void attached.add(keyOf(change)),
        detach: (change) => void attached.delete(keyOf(change)),
        beforeListing: (meet) => {
          meetListing = meet
        },
        attachments: () => [...attached],
        calls: () => [...calls],
        setIdentity: (next) => {
          identity = next
        }
      })
    )
  })
)
