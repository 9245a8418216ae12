import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import { assertJobId } from '../../base/ids.ts'
import type { WorkflowRow } from '../../db/calls/read-workflow.ts'
import type { Database } from '../../db/database.ts'
import { WorkflowTree } from '../../job/workflow-tree.ts'
import { type Call, type Cli, makeCommand } from '../command.ts'
import { openScreen, type Screen } from '../demo/screen.ts'
import { EXIT } from '../exit-codes.ts'
import type { Column } from '../output.ts'
import { withDatabase } from '../session.ts'
import { drawWorkflow, isDone } from '../workflow-view.ts'

interface Options {
  readonly watch?: boolean
  readonly dot?: boolean
}

/** Between two looks: at least this long, and longer than the look itself took. */
const LOOK_EVERY_MS = 300
const REST_PER_LOOK = 3

export function workflowCommand(cli: Cli): Command {
  const text = {
    usage: 'workflow <id>',
    summary: 'draw a workflow as a tree; on a terminal, live until it ends',
    details:
      'The id is that of the workflow, or of any job in it. Piped, it is read once: depth, id, kind, task, name, state, parents, error;\n' +
      'tab-separated. When watched, exits with 1 unless the end of the workflow has succeeded.',
    examples: [
      ['celeriac workflow 01939cb4-…', 'its jobs and groups, with their states, until all have ended'],
      ['celeriac workflow <id> --no-watch', 'as it is now'],
      ['celeriac workflow <id> --watch > tree.txt', 'wait for its end, then write it down'],
      ['celeriac workflow <id> --dot | dot -Tsvg > workflow.svg', 'a picture, by Graphviz'],
      ['celeriac workflow <id> --json', 'the workflow, and as nodes the columns of the view workflow_tree'],
    ],
  } as const
  return makeCommand<Options>(cli, text, async (call) => {
    const workflowId = assertJobId(call.args[0])
    const { options, output } = call
    const watched = options.watch ?? (output.tty && !output.json && options.dot !== true)
    return withDatabase(cli, call, async ({ database }) => {
      const row = watched ? await watch(cli, call, database, workflowId) : await read(database, workflowId)
      const tree = new WorkflowTree(row)
      if (output.json) output.document(row)
      else if (options.dot === true) output.line(tree.toDot().trimEnd())
      else if (!output.tty) output.table(row.nodes, PIPED)
      else if (!watched) for (const line of drawWorkflow(tree, roomOf(cli, call))) output.line(line)
      if (!watched) return EXIT.done
      const end = row.nodes.find(({ id }) => id === row.outputId)
      return end?.state === 'succeeded' ? EXIT.done : EXIT.failed
    })
  })
    .option('--watch', 'follow it until it ends (default on a terminal)')
    .option('--no-watch', 'read it once')
    .option('--dot', 'print it for Graphviz')
}

const PIPED: readonly Column<WorkflowRow['nodes'][number]>[] = [
  { title: 'DEPTH', cell: (node) => node.depth },
  { title: 'ID', cell: (node) => node.id },
  { title: 'KIND', cell: (node) => node.kind },
  { title: 'TASK', cell: (node) => node.task },
  { title: 'NAME', cell: (node) => node.name ?? node.position },
  { title: 'STATE', cell: (node) => node.state },
  { title: 'PARENTS', cell: (node) => node.parent_ids.join(' ') },
  {
    title: 'ERROR',
    cell: (node) => (node.error_name === null ? null : `${node.error_name}: ${node.error_message ?? ''}`),
  },
]

async function read(database: Database, workflowId: string): Promise<WorkflowRow> {
  const { readWorkflow } = await import('../../db/calls/read-workflow.ts')
  const row = await readWorkflow(database, workflowId)
  if (row === null) throw new CeleriacError('WORKFLOW_UNKNOWN', { workflowId })
  return row
}

/** Looks again and again until all has ended; draws what it sees where people look. */
async function watch(
  cli: Cli,
  call: Call<Options>,
  database: Database,
  workflowId: string,
): Promise<WorkflowRow> {
  const { signal } = cli.interrupts
  const drawn = call.output.tty && !call.output.json && call.options.dot !== true
  let screen: Screen | null = null
  // At once: nobody waits for what goes on here when the command is interrupted.
  signal.addEventListener('abort', () => screen?.close(), { once: true })
  try {
    for (;;) {
      const begunAt = performance.now()
      const row = await read(database, workflowId)
      if (drawn && !signal.aborted) {
        // Only now: an id that is none leaves the terminal as it was.
        screen ??= openScreen(streamOf(cli))
        screen.draw(drawWorkflow(new WorkflowTree(row), roomOf(cli, call)))
      }
      if (isDone(new WorkflowTree(row))) return row
      await pause(Math.max(LOOK_EVERY_MS, (performance.now() - begunAt) * REST_PER_LOOK), signal)
    }
  } finally {
    screen?.close()
  }
}

/** Ends early, without a word, when the command is interrupted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}

function roomOf({ terminal: { stdout } }: Cli, { output, options }: Call<Options>) {
  // Some terminals say 0: they do not know.
  const rows = options.watch === false ? Number.POSITIVE_INFINITY : (stdout.rows || 24) - 1
  return { columns: stdout.columns || 80, rows, now: new Date(), styled: output.styled }
}

function streamOf({ terminal: { stdout } }: Cli) {
  const stream = { write: (text: string) => Boolean(stdout.write(text)), columns: 0 }
  return Object.defineProperty(stream, 'columns', { get: () => stdout.columns || 80 })
}
