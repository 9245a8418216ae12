import type { Command } from 'commander'
import { assertJobId } from '../../base/ids.ts'
import { integer, oneOf } from '../../base/options.ts'
import type { JobListRow } from '../../db/tables.ts'
import { JOB_STATES } from '../../job/state.ts'
import { type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { numberOf } from '../flags.ts'
import { styleOfState } from '../look.ts'
import type { Column } from '../output.ts'
import { withDatabase } from '../session.ts'

interface Options {
  readonly state?: string
  readonly queue?: string
  readonly task?: string
  readonly limit?: string
  readonly before?: string
}

export function jobsCommand(cli: Cli): Command {
  const text = {
    usage: 'jobs',
    summary: 'list jobs, newest first',
    details:
      'Piped: id, state, condition, task, queue, priority, attempt, max attempts, enqueued at, error; tab-separated.',
    examples: [
      ['celeriac jobs', 'the 50 newest'],
      ['celeriac jobs --state failed --task mail.welcome', 'what went wrong with one task'],
      ['celeriac jobs --limit 100 --before <id>', 'the page behind the one that ended with this id'],
      ['celeriac jobs --state failed | cut -f1 | xargs celeriac retry', 'run again what failed'],
      ['celeriac jobs --json', 'the columns of the view job_list'],
    ],
  } as const
  return makeCommand<Options>(cli, text, async (call) => {
    const { options, output } = call
    const limit = integer(numberOf(options.limit ?? '50'), '--limit', 1, 1_000)
    const filter = {
      limit,
      ...(options.state !== undefined && { state: oneOf(options.state, '--state', JOB_STATES) }),
      ...(options.queue !== undefined && { queue: options.queue }),
      ...(options.task !== undefined && { task: options.task }),
      ...(options.before !== undefined && { before: assertJobId(options.before) }),
    }
    const rows = await withDatabase(cli, call, ({ inspect }) => inspect.jobs(filter))
    if (output.json) {
      output.document(rows)
      return EXIT.done
    }
    output.table(rows, output.tty ? SHOWN : PIPED)
    if (rows.length === 0) output.note('no job matches')
    const last = rows.at(-1)
    if (output.tty && rows.length === limit && last !== undefined) output.note(`more: --before ${last.id}`)
    return EXIT.done
  })
    .option('--state <state>', `only jobs in this state: ${JOB_STATES.join(', ')}`)
    .option('--queue <name>', 'only jobs of this queue')
    .option('--task <name>', 'only jobs of this task')
    .option('--limit <n>', 'at most so many, from 1 to 1000 (default: 50)')
    .option('--before <id>', 'only jobs older than this one')
}

const SHOWN: readonly Column<JobListRow>[] = [
  { title: 'ID', cell: (job) => job.id },
  {
    title: 'STATE',
    cell: (job) => job.condition ?? job.state,
    style: (job) => styleOfState(job.state, job.condition),
  },
  { title: 'TASK', cell: (job) => job.task },
  { title: 'QUEUE', cell: (job) => job.queue },
  { title: 'ATTEMPT', cell: (job) => `${job.attempt}/${job.max_attempts}` },
  { title: 'ENQUEUED', cell: (job) => job.enqueued_at },
  { title: 'ERROR', cell: errorOf },
]

const PIPED: readonly Column<JobListRow>[] = [
  { title: 'ID', cell: (job) => job.id },
  { title: 'STATE', cell: (job) => job.state },
  { title: 'CONDITION', cell: (job) => job.condition },
  { title: 'TASK', cell: (job) => job.task },
  { title: 'QUEUE', cell: (job) => job.queue },
  { title: 'PRIORITY', cell: (job) => job.priority },
  { title: 'ATTEMPT', cell: (job) => job.attempt },
  { title: 'MAX ATTEMPTS', cell: (job) => job.max_attempts },
  { title: 'ENQUEUED', cell: (job) => job.enqueued_at },
  { title: 'ERROR', cell: errorOf },
]

function errorOf(job: JobListRow): string | null {
  const { error_name: name, error_message: message } = job
  return name === null || message === null ? (name ?? message) : `${name}: ${message}`
}
