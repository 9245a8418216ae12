import type { Command } from 'commander'
import type { QueueOverviewRow } from '../../db/tables.ts'
import { type AnyCall, type Cli, makeCommand, makeGroup } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { withDatabase } from '../session.ts'
import { moveCommand, purgeCommand, reprioritiseCommand, rescheduleCommand } from './queue-edits.ts'
import { pauseCommand, resumeCommand } from './queue-pauses.ts'

const COUNTS = ['waiting', 'held', 'scheduled', 'ready', 'running', 'workers', 'slots'] as const

export function queuesCommand(cli: Cli): Command {
  const text = {
    usage: 'queues',
    summary: 'list queues with what waits in them and who serves them; pause, move, purge …',
    details:
      'Piped: name, waiting, held, scheduled, ready, running, workers, slots, oldest ready at, note; tab-separated. Counts are exact.',
    examples: [
      ['celeriac queues', 'how much work there is, and for how many'],
      ['celeriac queues --json', 'the columns of the view queue_overview'],
      ['celeriac queues pause mail --reason "SMTP outage"', 'nothing of it is claimed until it is resumed'],
      ['celeriac queues purge mail --dry-run', 'how many jobs would be cancelled'],
    ],
  } as const
  const group = makeGroup(makeCommand(cli, text, (call) => list(cli, call)))
  for (const make of [
    listCommand,
    pauseCommand,
    resumeCommand,
    moveCommand,
    purgeCommand,
    reprioritiseCommand,
    rescheduleCommand,
  ])
    group.add(make(cli))
  return group.command
}

function listCommand(cli: Cli): Command {
  const text = {
    usage: 'list',
    summary: 'the same as without a word: list queues',
    examples: [['celeriac queues list', 'all of them']],
  } as const
  return makeCommand(cli, text, (call) => list(cli, call))
}

async function list(cli: Cli, call: AnyCall): Promise<number> {
  const { output } = call
  const { rows, pauses } = await withDatabase(cli, call, async ({ inspect }) => ({
    rows: await inspect.queues(),
    pauses: await inspect.pauses(),
  }))
  if (output.json) {
    output.document(rows.map(withNumbers))
    return EXIT.done
  }
  output.table(rows, [
    { title: 'QUEUE', cell: (queue) => queue.name },
    ...COUNTS.map((name) => ({
      title: name.toUpperCase(),
      cell: (queue: QueueOverviewRow) => queue[name],
    })),
    { title: 'OLDEST READY', cell: (queue) => queue.oldest_ready_at },
    { title: 'NOTE', cell: noteOf, style: () => 'yellow' },
  ])
  if (rows.length === 0)
    output.note('no queue yet: a queue is there once it holds a job or a worker serves it')
  for (const { kind, name, reason } of pauses) {
    if (kind !== 'queue') output.note(`${kind} ${name} is paused${reason === null ? '' : `: ${reason}`}`)
  }
  return EXIT.done
}

function noteOf({ unserved, paused_at, pause_reason }: QueueOverviewRow): string {
  const pause = paused_at === null ? [] : [pause_reason === null ? 'paused' : `paused: ${pause_reason}`]
  return [...pause, ...(unserved ? ['no worker serves it'] : [])].join('; ')
}

/** The driver reads bigint as text. */
function withNumbers(queue: QueueOverviewRow): Readonly<Record<string, unknown>> {
  return { ...queue, ...Object.fromEntries(COUNTS.map((name) => [name, Number(queue[name])])) }
}
