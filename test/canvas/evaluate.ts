/*
 * What a canvas must come to, worked out from its signature alone: a second opinion, which knows nothing of plans, rows
 * and workers. A canvas is a tree; a value or a failure goes in, one comes out, and on the way every node gets its state
 * and every error handler its calls.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ChainData, GroupData, MapData, SignatureData, TaskData } from '../../src/canvas/data.ts'

/** What becomes of one run of a task. */
export type Ran = { readonly ok: true; readonly value: unknown } | { readonly ok: false }

/** How nodes behave. */
export interface Behaviour {
  /** What the handler of a task makes of its args, after as many attempts as it takes. */
  readonly run: (task: string, args: readonly unknown[]) => Ran
  /** By which name a node is known in the answer; null for: it is not asked about. */
  readonly keyOf: (node: TaskData | MapData) => string | null
  /** Whether a node is cancelled before anything has run; the last ones first. */
  readonly cancelled: (node: TaskData | MapData) => boolean
}

export type NodeState = 'succeeded' | 'failed' | 'cancelled'

/** What a canvas comes to. */
export interface Evaluation {
  readonly end:
    | { readonly ok: true; readonly value: unknown }
    | { readonly ok: false; readonly state: NodeState }
  readonly states: ReadonlyMap<string, NodeState>
  /** Error handlers that are called, once for each call. */
  readonly calls: readonly TaskData[]
}

/** Stands for an error in a list of values. */
export const AN_ERROR = 'an error'

/** A failure, and the node or join it comes from. */
interface Failure {
  readonly ok: false
  readonly state: 'failed' | 'cancelled'
  readonly from: object
  /** Before anything has run: by a cancel. */
  readonly early: boolean
}
type End = { readonly ok: true; readonly value: unknown } | Failure
/** What goes in: nothing for what runs first without args. */
type Input = End | null
type Errbacks = readonly TaskData[]

/** Works out what a canvas comes to. */
export function evaluate(
  signature: SignatureData,
  behaviour: Behaviour,
  args: readonly unknown[] = [],
): Evaluation {
  const walk = new Walk(behaviour, args)
  const end = walk.piece(signature, null, [])
  return {
    end: end.ok ? end : { ok: false, state: end.state },
    states: walk.states,
    calls: walk.calls,
  }
}

class Walk {
  readonly states = new Map<string, NodeState>()
  readonly calls: TaskData[] = []
  readonly #behaviour: Behaviour
  /** Of the call: they go to whatever runs first. */
  readonly #args: readonly unknown[]

  constructor(behaviour: Behaviour, args: readonly unknown[]) {
    this.#behaviour = behaviour
    this.#args = args
  }

  /** One canvas with what its end means to others: callbacks, and a default in place of a failure. */
  piece(signature: SignatureData, input: Input, inherited: Errbacks): End {
    const end = this.#bare(signature, input, [...(signature.errbacks ?? []), ...inherited])
    for (const link of signature.links ?? []) this.piece(link, end, [])
    return end.ok || signature.optional === undefined ? end : { ok: true, value: signature.optional.value }
  }

  #bare(signature: SignatureData, input: Input, errbacks: Errbacks): End {
    switch (signature.kind) {
      case 'task':
        return this.#node(signature, input, errbacks)
      case 'map':
        return this.#node(signature, input, errbacks)
      case 'chain':
        return this.#steps(stepsOf(signature), input, errbacks)
      case 'group':
        return this.#join(signature, input, errbacks, [])
      case 'chord':
        return this.#steps([signature.header, signature.body], input, errbacks)
    }
  }

  /** Steps one after the other; what handles errors of a step after a group also handles those of the group. */
  #steps(steps: readonly SignatureData[], input: Input, errbacks: Errbacks): End {
    let end = input
    for (const [index, step] of steps.entries()) {
      const next = steps[index + 1]
      if (step.kind === 'group' && next !== undefined) {
        const joined = this.#join(
          step,
          end,
          step.errbacks ?? [],
          handlersOf(steps.slice(index + 1), errbacks),
        )
        for (const link of step.links ?? []) this.piece(link, joined, [])
        end = joined.ok || step.optional === undefined ? joined : { ok: true, value: step.optional.value }
      } else end = this.piece(step, end, errbacks)
    }
    return end ?? { ok: true, value: undefined }
  }

  /** Members side by side, then their values; `handlers` are called when one of them fails. */
  #join(group: GroupData, input: Input, errbacks: Errbacks, handlers: Errbacks): End {
    const named = Array.isArray(group.members) ? null : Object.keys(group.members)
    const members = membersOf(group)
    // Where there is nobody to fail, what comes before passes through.
    if (members.length === 0 && input !== null && !input.ok) return input
    const ends = members.map((member) => this.piece(member, input, errbacks))
    const failures = ends.filter((end) => !end.ok)
    if (failures.length > 0 && group.allowFailures !== true) {
      const outside = failures.find(({ from }) => input !== null && !input.ok && from === input.from)
      const inside = failures.filter((failure) => failure.from !== outside?.from)
      const early = inside.some((failure) => failure.early)
      // What failed before the group ends its members at once, before any of them could fail by itself.
      if (outside !== undefined && !early) return outside
      this.calls.push(...distinct(handlers))
      return { ok: false, state: 'failed', from: group, early }
    }
    const values = ends.map((end) => (end.ok ? end.value : AN_ERROR))
    return {
      ok: true,
      value: named === null ? values : Object.fromEntries(named.map((name, index) => [name, values[index]])),
    }
  }

  #node(node: TaskData | MapData, input: Input, errbacks: Errbacks): End {
    const end = this.#ran(node, input)
    const key = this.#behaviour.keyOf(node)
    if (key !== null) this.states.set(key, end.ok ? 'succeeded' : end.state)
    if (!end.ok && end.from === node && end.state === 'failed') this.calls.push(...distinct(errbacks))
    return end
  }

  #ran(node: TaskData | MapData, input: Input): End {
    if (this.#behaviour.cancelled(node)) return { ok: false, state: 'cancelled', from: node, early: true }
    if (input !== null && !input.ok) return input
    // What returned nothing passes on null.
    const before = input === null ? this.#args : [input.value ?? null]
    const ran = node.kind === 'task' ? this.#task(node, before) : this.#map(node)
    return ran.ok ? ran : { ok: false, state: 'failed', from: node, early: false }
  }

  #task(node: TaskData, before: readonly unknown[]): Ran {
    return this.#behaviour.run(node.task, node.immutable === true ? node.args : [...before, ...node.args])
  }

  #map({ task, items, spread, allowFailures }: MapData): Ran {
    const runs = items.map((item) => this.#behaviour.run(task, spread ? (item as unknown[]) : [item]))
    if (allowFailures !== true && runs.some(({ ok }) => !ok)) return { ok: false }
    return { ok: true, value: runs.map((ran) => (ran.ok ? ran.value : AN_ERROR)) }
  }
}

/** Steps of a chain, those of chains and chords in it that are nothing of their own among them. */
function stepsOf(chain: ChainData): SignatureData[] {
  return chain.steps.flatMap(flat)
}

function flat(step: SignatureData): SignatureData[] {
  if (step.kind === 'chain' && isPlain(step)) return stepsOf(step)
  return step.kind === 'chord' && isPlain(step) ? [step.header, ...flat(step.body)] : [step]
}

/** Members of a group, those of lists in it that are nothing of their own among them. */
function membersOf(group: GroupData): readonly SignatureData[] {
  if (!Array.isArray(group.members)) return Object.values(group.members)
  return group.members.flatMap((member) =>
    member.kind === 'group' &&
    Array.isArray(member.members) &&
    isPlain(member) &&
    member.allowFailures !== true
      ? membersOf(member)
      : [member],
  )
}

function isPlain({ links = [], errbacks = [], options, optional }: SignatureData): boolean {
  return links.length === 0 && errbacks.length === 0 && options === undefined && optional === undefined
}

/**
 * Who handles the failure of a header: whoever handles errors of what comes after it. Another group that something follows
 * is a header, too.
 */
function handlersOf(steps: readonly SignatureData[], inherited: Errbacks): Errbacks {
  const next = steps.find(({ kind }, index) => kind !== 'group' || index === steps.length - 1)
  const errbacks = [...(next?.errbacks ?? []), ...inherited]
  switch (next?.kind) {
    case 'chord':
      return handlersOf([next.body], errbacks)
    case 'group':
      return membersOf(next).flatMap((member) => handlersOf([member], errbacks))
    case 'chain':
      return handlersOf(stepsOf(next), errbacks)
    default:
      return errbacks
  }
}

/** The same handler twice counts once. */
function distinct(errbacks: Errbacks): TaskData[] {
  return errbacks.filter(
    (errback, index) => !errbacks.slice(0, index).some((earlier) => isDeepStrictEqual(earlier, errback)),
  )
}
