import type { Command } from 'commander'
import type { QueueOverviewRow } from '../../db/tables.ts'
import { type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { withDatabase } from '../session.ts'

const COUNTS = ['waiting', 'scheduled', 'ready', 'running', 'workers', 'slots'] as const

export function queuesCommand(cli: Cli): Command {
  const text = {
    usage: 'queues',
    summary: 'list queues with what waits in them and who serves them',
    details:
      'Piped: name, waiting, scheduled, ready, running, workers, slots, oldest ready at; tab-separated. Counts are exact.',
    examples: [
      ['celeriac queues', 'how much work there is, and for how many'],
      ['celeriac queues --json', 'the columns of the view queue_overview'],
    ],
  } as const
  return makeCommand(cli, text, async (call) => {
    const { output } = call
    const rows = await withDatabase(cli, call, ({ inspect }) => inspect.queues())
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
    ])
    if (rows.length === 0)
      output.note('no queue yet: a queue is there once it holds a job or a worker serves it')
    return EXIT.done
  })
}

/** The driver reads bigint as text. */
function withNumbers(queue: QueueOverviewRow): Readonly<Record<string, unknown>> {
  return { ...queue, ...Object.fromEntries(COUNTS.map((name) => [name, Number(queue[name])])) }
}
