import type { JobState } from '../db/calls/read-jobs.ts'
import type { NodeKind, NodeRow, WorkflowRow } from '../db/calls/read-workflow.ts'

/** A job of a workflow, or a group of them. */
export interface WorkflowNode {
  readonly id: string
  /** `replaced`: a job whose place another canvas has taken; that is `inside` it. `errback`: an error callback. */
  readonly kind: NodeKind
  readonly task: string
  readonly state: JobState
  /** Place among the members of the group it is inside of, from 0; null for what is not handed on to the group. */
  readonly position: number | null
  /** Name among them. */
  readonly name: string | null
  /** Ids of the nodes it waits for. */
  readonly parents: readonly string[]
  /** Ids of the nodes that wait for it. */
  readonly children: readonly string[]
  /** What a group is made of, in definition order. */
  readonly inside: readonly WorkflowNode[]
  readonly attempt: number
  readonly progress: unknown
  readonly error: { readonly name: string; readonly message: string } | null
  /** The node whose end was the reason, when it never began. */
  readonly upstream: string | null
  readonly enqueuedAt: Date
  readonly runAt: Date | null
  readonly claimedAt: Date | null
  readonly settledAt: Date | null
}

/** A workflow at one moment: its nodes as they are composed. */
export class WorkflowTree {
  readonly id: string
  /** Its readable form, such as `add(2, 2) | sum([…])`. */
  readonly name: string
  readonly startedAt: Date
  /** The node whose end is its end. */
  readonly outputId: string
  /** What is at the top, in definition order. */
  readonly nodes: readonly WorkflowNode[]

  constructor(row: WorkflowRow) {
    this.id = row.id
    this.name = row.name
    this.startedAt = new Date(row.startedAt)
    this.outputId = row.outputId
    this.nodes = nested(row.nodes)
  }

  /** All nodes of all levels, in definition order, a group before what is inside. */
  all(): readonly WorkflowNode[] {
    const below = (nodes: readonly WorkflowNode[]): WorkflowNode[] =>
      nodes.flatMap((node) => [node, ...below(node.inside)])
    return below(this.nodes)
  }

  /** The same as a drawing for Graphviz: a node for each, with its state, and an arrow to whatever waits for it. */
  toDot(): string {
    const nodes = this.all()
    const lines = nodes.map(({ id, task, state, kind }) => {
      const label = `${kind === 'group' ? 'group' : task}\n${state}`
      return `  ${quoted(id)} [label=${quoted(label)}, shape=${SHAPES[kind]}, color=${COLOURS[state]}]`
    })
    const arrows = nodes.flatMap(({ id, parents }) =>
      parents.map((parent) => `  ${quoted(parent)} -> ${quoted(id)}`),
    )
    return [`digraph ${quoted(this.name)} {`, '  rankdir=LR', ...lines, ...arrows, '}', ''].join('\n')
  }
}

const SHAPES: Readonly<Record<NodeKind, string>> = {
  job: 'box',
  group: 'ellipse',
  replaced: 'box',
  errback: 'note',
}

const COLOURS: Readonly<Record<JobState, string>> = {
  waiting: 'gray',
  pending: 'black',
  running: 'blue',
  succeeded: 'darkgreen',
  failed: 'red',
  cancelled: 'gray',
}

function nested(rows: readonly NodeRow[]): readonly WorkflowNode[] {
  const children = new Map<string, string[]>()
  for (const { id, parent_ids } of rows) {
    for (const parent of parent_ids) {
      const known = children.get(parent)
      if (known === undefined) children.set(parent, [id])
      else known.push(id)
    }
  }
  const inside = Map.groupBy(rows, ({ inside_id }) => inside_id)
  const at = (instant: string | null): Date | null => (instant === null ? null : new Date(instant))
  const nodesIn = (id: string | null): readonly WorkflowNode[] =>
    (inside.get(id) ?? []).map((row) => ({
      id: row.id,
      kind: row.kind,
      task: row.task,
      state: row.state,
      position: row.position,
      name: row.name,
      parents: row.parent_ids,
      children: children.get(row.id) ?? [],
      inside: nodesIn(row.id),
      attempt: row.attempt,
      progress: row.progress,
      error: row.error_name === null ? null : { name: row.error_name, message: row.error_message ?? '' },
      upstream: row.upstream_id,
      enqueuedAt: new Date(row.enqueued_at),
      runAt: at(row.run_at),
      claimedAt: at(row.claimed_at),
      settledAt: at(row.settled_at),
    }))
  return nodesIn(null)
}

/** A text as Graphviz reads it; a line break in it is one of the drawing. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
