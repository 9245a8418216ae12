import { mergeOptions } from '../job/task.ts'
import type { CallOptions } from '../task/options.ts'
import type { SignatureData, TaskData } from './data.ts'
import { flatMembers, flatSteps, labelsOf } from './plan-parts.ts'

/** A job to enqueue when a node fails. */
export interface PlanErrback {
  readonly data: TaskData
  readonly options: CallOptions
}

/** What a part inherits, as far as its error callbacks go. */
interface Inherited {
  readonly options: CallOptions
  readonly errbacks: readonly PlanErrback[]
}

/** Error callbacks of what begins first of these steps: who is to be told when the group before them fails. */
export function entryErrbacks(steps: readonly SignatureData[], place: Inherited): readonly PlanErrback[] {
  // A further group is a header, too, when something follows it: that is told.
  const first = steps.find(({ kind }, index) => kind !== 'group' || index === steps.length - 1)
  if (first === undefined) return []
  const errbacks = distinct([...errbacksOf(first, place.options), ...place.errbacks])
  const inner = { options: mergeOptions(place.options, first.options ?? {}), errbacks }
  switch (first.kind) {
    case 'task':
    case 'map':
      return errbacks
    case 'chain':
      return entryErrbacks(flatSteps(first), inner)
    case 'chord':
      return entryErrbacks([first.body], inner)
    case 'group':
      return distinct(flatMembers(first).flatMap(([, member]) => entryErrbacks([member], inner)))
  }
}

/** Error callbacks of a part itself; labels of the canvas around it are theirs, too. */
export function errbacksOf(data: SignatureData, outer: CallOptions): PlanErrback[] {
  return (data.errbacks ?? []).map((errback) => ({
    data: errback,
    options: mergeOptions(labelsOf(mergeOptions(outer, data.options ?? {})), errback.options ?? {}),
  }))
}

/** Each error callback once. */
export function distinct(errbacks: readonly PlanErrback[]): readonly PlanErrback[] {
  if (errbacks.length < 2) return errbacks
  return [...new Map(errbacks.map((errback) => [keyOf(errback), errback])).values()]
}

const keys = new WeakMap<PlanErrback, string>()
const identities = new WeakMap<object, number>()
let identity = 0

/** Equal for error callbacks that do the same; values that JSON does not tell apart are told apart by their objects. */
export function keyOf(errback: PlanErrback): string {
  const known = keys.get(errback)
  if (known !== undefined) return known
  const { data, options } = errback
  const key = JSON.stringify(
    [data.task, data.args, data.immutable === true, options],
    (_, value: unknown) => {
      if (typeof value === 'bigint') return `${value}n`
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
      if (Object.getPrototypeOf(value) === Object.prototype) return value
      const number = identities.get(value) ?? identity++
      identities.set(value, number)
      return `object ${number}`
    },
  )
  keys.set(errback, key)
  return key
}
