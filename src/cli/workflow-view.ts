import { formatMs } from '../base/duration.ts'
import { isSettled, type JobState } from '../job/state.ts'
import type { WorkflowNode, WorkflowTree } from '../job/workflow-tree.ts'
import { fitWidth, printable, textWidth } from './demo/text-width.ts'
import { styleOfState } from './look.ts'
import type { Output } from './output.ts'

/** How much room there is, and what time it is. */
export interface Room {
  readonly columns: number
  /** Lines; infinite where they scroll away. */
  readonly rows: number
  readonly now: Date
  readonly styled: Output['styled']
}

/** One line of the tree before it is laid out. */
interface Line {
  readonly branch: string
  readonly state: JobState
  readonly title: string
  readonly detail: string
}

/** How a state looks where there is room for one character. */
export const MARKS: Readonly<Record<JobState, string>> = {
  waiting: '·',
  pending: '○',
  running: '▶',
  succeeded: '✓',
  failed: '✗',
  cancelled: '⊘',
}
const STATE_WIDTH = 11
const LEAST_TITLE = 16

/**
 * Draws a workflow as lines that fit the room: what is inside a group below it, what waits for the line above behind an
 * arrow. Where lines are too many, neighbours of one task and state become one, and the last line counts what is left out.
 */
export function drawWorkflow(tree: WorkflowTree, room: Room): readonly string[] {
  const head = [room.styled(fitted(tree.name, room.columns - 1), 'bold'), summary(tree)]
  const most = Math.max(1, room.rows - head.length)
  const whole = linesOf(tree.nodes, '', room.now, false)
  const lines = whole.length <= most ? whole : linesOf(tree.nodes, '', room.now, true)
  const shown = lines.length <= most ? lines : lines.slice(0, most - 1)
  const left = lines.length - shown.length
  const tail = left === 0 ? [] : [room.styled(`… and ${left} more`, 'dim')]
  return [...head, ...laidOut(shown, room), ...tail]
}

/** What has become of its jobs, in a line. */
export function summary(tree: WorkflowTree): string {
  const jobs = tree.all().filter(({ kind }) => kind === 'job' || kind === 'replaced')
  const counts = Map.groupBy(jobs, ({ state }) => state)
  const said = (['running', 'pending', 'waiting', 'failed', 'cancelled'] as const).flatMap((state) => {
    const count = counts.get(state)?.length ?? 0
    return count === 0 ? [] : [`${count} ${state}`]
  })
  return [`${counts.get('succeeded')?.length ?? 0} of ${jobs.length} jobs succeeded`, ...said].join(', ')
}

/** Whether everything has ended; error callbacks are jobs of their own. */
export function isDone(tree: WorkflowTree): boolean {
  return tree.all().every(({ kind, state }) => kind === 'errback' || isSettled(state))
}

function linesOf(
  nodes: readonly WorkflowNode[],
  indent: string,
  now: Date,
  folded: boolean,
): readonly Line[] {
  const runs = folded ? runsOf(nodes) : nodes.map((node) => [node] as const)
  return runs.flatMap((run, index) => {
    const [node, ...more] = run
    const last = index === runs.length - 1
    const previous = runs[index - 1]?.at(-1)
    const follows = previous !== undefined && entryParents(node).includes(previous.id)
    const branch = indent === '' ? '' : `${indent.slice(0, -3)}${last ? '└─ ' : '├─ '}`
    const below = indent === '' ? '   ' : `${indent.slice(0, -3)}${last ? '   ' : '│  '}   `
    const line = {
      branch,
      state: shownState(node),
      title: `${follows ? '→ ' : ''}${titleOf(node)}${more.length === 0 ? '' : ` × ${run.length}`}`,
      detail: more.length === 0 ? detailOf(node, now) : '',
    }
    return [line, ...linesOf(node.inside, below, now, folded)]
  })
}

/** Neighbours that look alike, and have nothing inside. */
function runsOf(nodes: readonly WorkflowNode[]): readonly (readonly [WorkflowNode, ...WorkflowNode[]])[] {
  const runs: [WorkflowNode, ...WorkflowNode[]][] = []
  for (const node of nodes) {
    const run = runs.at(-1)
    const alike =
      run !== undefined &&
      run[0].task === node.task &&
      run[0].state === node.state &&
      node.state !== 'failed' &&
      [run[0], node].every(({ inside, kind }) => inside.length === 0 && kind === 'job')
    if (alike) run.push(node)
    else runs.push([node])
  }
  return runs
}

/** What a node waits for outside of itself. */
function entryParents(node: WorkflowNode): readonly string[] {
  const own = new Set<string>()
  const parents: string[] = []
  const walk = (one: WorkflowNode): void => {
    own.add(one.id)
    parents.push(...one.parents)
    for (const inner of one.inside) walk(inner)
  }
  walk(node)
  return parents.filter((id) => !own.has(id))
}

/** A group waits by itself; what people want to know is whether something inside goes on. */
function shownState(node: WorkflowNode): JobState {
  if (node.state !== 'waiting' || node.inside.length === 0) return node.state
  return node.inside.some((inner) => shownState(inner) !== 'waiting') ? 'running' : 'waiting'
}

function titleOf({ kind, task, name, inside }: WorkflowNode): string {
  const members = inside.filter(({ position }) => position !== null)
  const ended = members.filter(({ state }) => state === 'succeeded').length
  const title =
    kind === 'group' ? `group ${ended}/${members.length}` : kind === 'errback' ? `on error: ${task}` : task
  return printable(name === null ? title : `${name}: ${title}`)
}

function detailOf(node: WorkflowNode, now: Date): string {
  const { state, kind, error, upstream, claimedAt, settledAt, attempt, progress } = node
  if (error !== null) {
    if (upstream !== null)
      return `since job ${upstream} ${state === 'cancelled' ? 'was cancelled' : 'failed'}`
    return printable(`${error.name}: ${error.message}`)
  }
  if (kind === 'group' || claimedAt === null) return ''
  const tries = attempt > 1 ? `, attempt ${attempt}` : ''
  if (state === 'succeeded' && settledAt !== null) return `${took(claimedAt, settledAt)}${tries}`
  if (state !== 'running') return tries.slice(2)
  const report = progress === null ? '' : `, ${printable(JSON.stringify(progress))}`
  return `${took(claimedAt, now)}${tries}${report}`
}

const took = (from: Date, to: Date): string => formatMs(Math.max(0, to.getTime() - from.getTime()))

function laidOut(lines: readonly Line[], room: Room): readonly string[] {
  const widest = Math.max(...lines.map(({ branch, title }) => textWidth(branch) + 2 + textWidth(title)))
  const most = Math.max(LEAST_TITLE, room.columns - STATE_WIDTH - 12)
  const width = Math.min(widest, most) + 2
  return lines.map(({ branch, state, title, detail }) => {
    const style = styleOfState(state) ?? 'reset'
    const name = fitWidth(title, Math.max(0, width - textWidth(branch) - 2))
    const left = room.columns - 1 - width - STATE_WIDTH
    const rest = left > 0 ? fitted(detail, left) : ''
    const text = `${room.styled(branch, 'dim')}${room.styled(MARKS[state], style)} ${name}`
    return `${text}${room.styled(state.padEnd(STATE_WIDTH), style)}${rest}`.trimEnd()
  })
}

const fitted = (text: string, width: number): string => fitWidth(text, width).trimEnd()
