import { toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { encodeArgs } from '../base/json.ts'
import type { Shapes as CallShapes } from '../job/routes.ts'
import type { CallOptions } from '../task/options.ts'
import type { CanvasBinding } from './binding.ts'
import { JOIN_TASK, type Plan, type PlanEdge, type PlanNode } from './plan-rows.ts'

/** What a plan's text says besides its nodes. */
export interface PlanHead {
  readonly id: string
  readonly rootId: string
  readonly outputId: string
  readonly name: string
  /** The job whose handler starts it; null for none. */
  readonly parentId: string | null
  /** Whether a caller chose the id of the output. */
  readonly givenId: boolean
  /** How many replaced jobs these nodes are within. */
  readonly nesting?: number
}

/** A plan as SQL takes it, and the queues of the jobs that begin it. */
export interface PlanText {
  readonly text: string
  readonly queues: ReadonlySet<string>
}

/** What SQL knows of a shape, and what only matters to nodes that wait. */
interface ShapeEntry {
  readonly number: number
  readonly queue: string
  readonly delayMs: number | undefined
  readonly runAt: string | undefined
}

/**
 * Writes a plan as the text that `start_workflow` and `insert_nodes` take. Nodes of one kind share a shape, so that the text
 * grows with what is different about them.
 *
 * @throws {CeleriacError} `JSON_…`, `PAYLOAD_SIZE`, `OPTION_…`: before anything is written
 */
export function planText(
  plan: Plan,
  ids: readonly string[],
  head: PlanHead,
  binding: CanvasBinding,
): PlanText {
  const shapes = new Shapes(binding)
  const queues = new Set<string>()
  const { maxArgsBytes: maxBytes, codec } = binding.context
  const nodes = plan.nodes.map((node) => {
    const shape = shapes.of(node)
    if (!node.waits) queues.add(shape.queue)
    const args = encodeArgs(node.args, { task: node.task, maxBytes, codec })
    const options = nodeOptions(node, shape, head)
    return `[${shape.number},${args},${node.parent ?? 'null'},${options}]`
  })
  const errbacks = plan.errbacks.map(({ data, options }) => {
    const args = encodeArgs(data.args, { task: data.task, maxBytes, codec })
    const known = data.immutable === true ? data.args : [undefined, ...data.args]
    return `[${shapes.textOf(data.task, options, known)},${args},${data.immutable === true}]`
  })
  const edges = plan.edges.map((edge) => edgeText(edge, binding))
  const { id, rootId, outputId, name, parentId, givenId } = head
  const first = JSON.stringify({ id, rootId, outputId, name, parentId, ...(givenId && { givenId }), ids })
  return {
    text: `${first.slice(0, -1)},"shapes":[${shapes.texts}],"nodes":[${nodes}],"edges":[${edges}],"errbacks":[${errbacks}]}`,
    queues,
  }
}

function nodeOptions(
  node: PlanNode,
  { delayMs, runAt }: ShapeEntry,
  { id, rootId, nesting }: PlanHead,
): string {
  const options = {
    ...(node.takesInput && { in: true }),
    ...(node.join !== undefined && { join: node.join, first: node.first }),
    ...(node.errbacks.length > 0 && { onError: node.errbacks }),
    ...(node.map !== undefined && { map: node.map }),
    ...(node.waits && delayMs !== undefined && { delayMs }),
    ...(node.waits && runAt !== undefined && { runAt }),
    ...(node.isMember && { chord: true }),
    ...(node.needed && { needed: true }),
    ...(node.drops && { drops: true }),
    ...(id !== rootId && { workflow: id }),
    ...(nesting !== undefined && nesting > 0 && { nesting }),
  }
  return Object.keys(options).length === 0 ? 'null' : JSON.stringify(options)
}

const FLAGS = { passes: 1, intoJoin: 2, either: 4, drops: 8, fromJoin: 16 } as const

function edgeText(edge: PlanEdge, { context: { maxArgsBytes: maxBytes, codec } }: CanvasBinding): string {
  const flags = Object.entries(FLAGS).reduce(
    (sum, [name, flag]) => sum + (Reflect.get(edge, name) === true ? flag : 0),
    0,
  )
  const fallback =
    edge.fallback === undefined
      ? ''
      : `,${encodeArgs([edge.fallback.value], { task: 'optional', maxBytes, codec })}`
  return `[${edge.parent},${edge.child},${edge.position ?? 'null'},${JSON.stringify(edge.name)},${flags}${fallback}]`
}

/** Shapes of one plan: each distinct one once. */
class Shapes {
  readonly #binding: CanvasBinding
  readonly #byCall = new Map<string, CallShapes>()
  readonly #byText = new Map<string, ShapeEntry>()

  constructor(binding: CanvasBinding) {
    this.#binding = binding
  }

  get texts(): string {
    return [...this.#byText.keys()].join(',')
  }

  of({ task, options, args, join, takesInput }: PlanNode): ShapeEntry {
    const text =
      join === undefined
        ? this.textOf(task, options, takesInput ? [undefined, ...args] : args)
        : joinText(options, this.#binding.context.routes.defaultQueue)
    return this.#byText.get(text) ?? this.#add(text)
  }

  /** @param args - as far as they are known; undefined for what a parent will return */
  textOf(task: string, options: CallOptions, args: readonly unknown[]): string {
    const call = JSON.stringify([task, options])
    let shapes = this.#byCall.get(call)
    if (shapes === undefined) {
      // The output's id is its own; a shape is shared.
      const { id: _, ...rest } = options
      shapes = this.#binding.context.routes.shapesOf(this.#binding.definition(task), rest)
      this.#byCall.set(call, shapes)
    }
    const { unique, text } = typeof shapes === 'function' ? shapes(args) : shapes
    if (unique !== null) throw notUnique(unique.option, task)
    return text
  }

  #add(text: string): ShapeEntry {
    const { queue, delayMs, runAt } = JSON.parse(text)
    const entry: ShapeEntry = { number: this.#byText.size, queue, delayMs, runAt }
    this.#byText.set(text, entry)
    return entry
  }
}

/** What waits for a unique job might wait for one of another canvas, or of none. */
function notUnique(option: string, task: string): CeleriacError<'OPTION_INVALID'> {
  return new CeleriacError('OPTION_INVALID', {
    option,
    problem: `cannot hold for "${task}" in a canvas; enqueue the task by itself, or give ${option}: null`,
  })
}

/** The shape of a join: nothing runs it, so it needs little. */
function joinText({ queue, labels, resultTtl }: CallOptions, defaultQueue: string): string {
  return JSON.stringify({
    queue: queue ?? defaultQueue,
    task: JOIN_TASK,
    maxAttempts: 1,
    labels,
    ...(resultTtl !== undefined && { options: { resultTtlMs: toMs(resultTtl, 'resultTtl') } }),
  })
}
