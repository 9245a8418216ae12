/*
 * Turns a canvas into the rows it becomes: nodes, edges and error callbacks, as plain data. Nodes stand in an order in
 * which each comes after what it waits for; every group is a join, a node that no worker runs and that is settled when
 * its last member is, so only joins have several parents.
 */
import { CeleriacError } from '../base/errors.ts'
import { mergeOptions } from '../job/task.ts'
import type { CallOptions } from '../task/options.ts'
import type { ChainData, ChordData, GroupData, MapData, SignatureData, TaskData } from './data.ts'
import { distinct, entryErrbacks, errbacksOf, keyOf, type PlanErrback } from './plan-errbacks.ts'
import {
  flatMembers,
  flatSteps,
  isList,
  isTimed,
  joinOptions,
  labelsOf,
  mapOf,
  splitOptions,
} from './plan-parts.ts'
import { JOIN_TASK, OUTER, type Plan, type PlanEdge, type PlanNode } from './plan-rows.ts'

/** What planning asks about the tasks of nodes. */
export interface PlanContext {
  /** Whether a node keeps no value of its own accord. */
  readonly ignoresResult: (node: PlanNode) => boolean
}

/** Where a part begins, and what it inherits. */
interface Place {
  /** The node it follows; null at the start. */
  readonly after: number | null
  /** Leading arguments for what begins at the start. */
  readonly open: readonly unknown[]
  readonly options: CallOptions
  /** Options of the enclosing canvas that only its first nodes have. */
  readonly start: CallOptions
  /** Options of the enclosing canvas that only its last node has. */
  readonly end: CallOptions
  readonly errbacks: readonly PlanErrback[]
}

/**
 * Plans a canvas.
 *
 * @param open - leading arguments of its first tasks
 * @throws {CeleriacError} `CANVAS_EMPTY` for a chain without a step, `CANVAS_INVALID`
 */
export function planOf(
  data: SignatureData,
  open: readonly unknown[],
  options: CallOptions,
  context: PlanContext,
): Plan {
  const planner = new Planner()
  const output = planner.place(data, { ...NOWHERE, open, ...splitOptions(options) })
  return planner.finish(planner.settleForLess(output), context)
}

/** Plans what takes the place of a running job. */
export function replacementOf(data: SignatureData, options: CallOptions, context: PlanContext): Plan {
  const planner = new Planner()
  const output = planner.place(data, { ...NOWHERE, ...splitOptions(options) })
  planner.connect(output, OUTER, { intoJoin: true })
  return planner.finish(output, context)
}

/** Plans further members of a group. */
export function membersOf(
  members: readonly SignatureData[],
  options: CallOptions,
  context: PlanContext,
): Plan {
  const planner = new Planner()
  let output = 0
  members.forEach((data, position) => {
    output = planner.place(data, { ...NOWHERE, ...splitOptions(options) })
    planner.connect(output, OUTER, { intoJoin: true, position })
  })
  return planner.finish(output, context)
}

const NOWHERE: Place = { after: null, open: [], options: {}, start: {}, end: {}, errbacks: [] }

class Planner {
  readonly #nodes: PlanNode[] = []
  readonly #edges: PlanEdge[] = []
  readonly #errbacks: PlanErrback[] = []
  readonly #errbackPlaces = new Map<string, number>()
  /** Nodes whose failure counts for what follows, and what stands for their values. */
  readonly #optional = new Map<number, { readonly value: unknown }>()

  /**
   * Adds a part and returns the node whose end is its end.
   *
   * @param called - of a group that something follows: error callbacks for when a member fails
   */
  place(data: SignatureData, place: Place, called: readonly PlanErrback[] = []): number {
    const own = splitOptions(data.options ?? {})
    const inner: Place = {
      ...place,
      options: mergeOptions(place.options, own.options),
      start: isTimed(own.start) ? own.start : place.start,
      end: { ...place.end, ...own.end },
      errbacks: distinct([...errbacksOf(data, place.options), ...place.errbacks]),
    }
    const output = this.#placeInner(data, inner, called)
    for (const link of data.links ?? []) {
      this.place(link, { ...NOWHERE, after: output, options: labelsOf(inner.options) })
    }
    if (data.optional !== undefined) this.#optional.set(output, data.optional)
    return output
  }

  /** Lets one node wait for another. */
  connect(parent: number, child: number, how: Partial<PlanEdge> = {}): void {
    const optional = this.#optional.get(parent)
    this.#edges.push({
      parent,
      child,
      position: how.position ?? null,
      name: how.name ?? null,
      passes: how.passes ?? true,
      fromJoin: this.#nodes[parent]?.join !== undefined,
      intoJoin: how.intoJoin ?? false,
      either: how.either === true || optional !== undefined,
      ...(optional !== undefined && { fallback: optional }),
    })
  }

  /** Whoever waits for a canvas that may fail waits for a join behind it, which makes do with what stands for its value. */
  settleForLess(output: number): number {
    const last = this.#nodes[output]
    if (last === undefined || !this.#optional.has(output)) return output
    const { id, ...options } = last.options
    this.#nodes[output] = { ...last, options }
    const join = this.#nodes.length
    this.#nodes.push({
      task: JOIN_TASK,
      args: [],
      options: { ...joinOptions(options), ...(id !== undefined && { id }) },
      parent: output,
      waits: true,
      takesInput: false,
      join: 'value',
      errbacks: [],
    })
    this.connect(output, join, { intoJoin: true })
    return join
  }

  /** Looks at the whole once more: who is a member, and whose values are needed for a while only. */
  finish(output: number, context: PlanContext): Plan {
    const nodes = this.#nodes
    const consumed = new Set<number>()
    for (const edge of [...this.#edges].reverse()) {
      const member = nodes[edge.parent]
      // Among members with names a further one has no place.
      const isMember = edge.intoJoin && edge.position !== null && edge.name === null
      if (isMember && member !== undefined && member.join === undefined) member.isMember = true
      const child = nodes[edge.child]
      // What a job outside takes of it is not known here, so it is kept.
      const needs = edge.child === OUTER || child?.join === undefined || consumed.has(edge.child)
      if (edge.passes && needs) consumed.add(edge.parent)
    }
    const dropping = new Set<number>()
    for (const edge of this.#edges) {
      const [parent, child] = [nodes[edge.parent], nodes[edge.child]]
      if (!edge.passes || parent === undefined || !consumed.has(edge.parent)) continue
      if (parent.join === undefined && context.ignoresResult(parent)) {
        parent.needed = true
        edge.drops = true
      }
      if (edge.drops !== true && !dropping.has(edge.parent)) continue
      if (child?.join !== undefined) dropping.add(edge.child)
      else if (child !== undefined) child.drops = true
    }
    return { nodes, edges: this.#edges, errbacks: this.#errbacks, output }
  }

  #placeInner(data: SignatureData, place: Place, called: readonly PlanErrback[]): number {
    switch (data.kind) {
      case 'task':
      case 'map':
        return this.#placeTask(data, place)
      case 'chain':
        return this.#placeChain(data, place)
      case 'group':
        return this.#placeGroup(data, place, called)
      case 'chord':
        return this.#placeChord(data, place)
    }
  }

  #placeTask(data: TaskData | MapData, place: Place): number {
    const { after, open } = place
    const immutable = data.kind === 'map' || data.immutable === true
    const node = this.#nodes.length
    this.#nodes.push({
      task: data.task,
      args: data.kind === 'map' ? [data.items] : [...(immutable || after !== null ? [] : open), ...data.args],
      options: { ...place.options, ...place.start, ...place.end },
      parent: after,
      waits: after !== null,
      takesInput: after !== null && !immutable,
      errbacks: place.errbacks.map((errback) => this.#errbackPlace(errback)),
      ...(data.kind === 'map' && { map: mapOf(data) }),
    })
    if (after !== null) this.connect(after, node, { passes: !immutable })
    return node
  }

  #placeChain(chain: ChainData, place: Place): number {
    const steps = flatSteps(chain)
    let { after, start } = place
    for (const [index, step] of steps.entries()) {
      const next = steps[index + 1]
      const here = { ...place, after, start, end: next === undefined ? place.end : {} }
      // A group that something follows is the header of a chord: the chain's error callbacks are not its members'.
      after =
        step.kind === 'group' && next !== undefined
          ? this.place(step, { ...here, errbacks: [] }, entryErrbacks(steps.slice(index + 1), place))
          : this.place(step, here)
      start = {}
    }
    if (after === null || steps.length === 0) throw new CeleriacError('CANVAS_EMPTY', {})
    return after
  }

  #placeChord(chord: ChordData, place: Place): number {
    const called = entryErrbacks([chord.body], place)
    const join = this.place(chord.header, { ...place, end: {}, errbacks: [] }, called)
    return this.place(chord.body, { ...place, after: join, open: [], start: {} })
  }

  #placeGroup(group: GroupData, place: Place, called: readonly PlanErrback[]): number {
    const members = flatMembers(group)
    const first = this.#nodes.length
    const ends = members.map(([name, member]) => [name, this.place(member, { ...place, end: {} })] as const)
    const join = this.#nodes.length
    this.#nodes.push({
      task: JOIN_TASK,
      args: [],
      options: { ...joinOptions(place.options), ...place.end },
      parent: place.after,
      waits: true,
      takesInput: false,
      join: isList(group) ? 'list' : 'object',
      first,
      errbacks: called.map((errback) => this.#errbackPlace(errback)),
    })
    ends.forEach(([name, end], position) => {
      this.connect(end, join, { position, name, intoJoin: true, either: group.allowFailures === true })
    })
    if (ends.length === 0 && place.after !== null) {
      this.connect(place.after, join, { passes: false, intoJoin: true })
    }
    return join
  }

  #errbackPlace(errback: PlanErrback): number {
    const key = keyOf(errback)
    const known = this.#errbackPlaces.get(key)
    if (known !== undefined) return known
    this.#errbackPlaces.set(key, this.#errbacks.length)
    return this.#errbacks.push(errback) - 1
  }
}
