import type { Command } from 'commander'
import { type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { styleOfState } from '../look.ts'
import { withDatabase } from '../session.ts'

export function workersCommand(cli: Cli): Command {
  const text = {
    usage: 'workers',
    summary: 'list workers that are alive, or were until somebody notices',
    details:
      'Piped: id, name, condition, host, pid, version, running, concurrency, queues, tasks, started at, heartbeat at; tab-separated.',
    examples: [
      ['celeriac workers', 'who runs jobs, and how busy they are'],
      ['celeriac workers --json', 'the columns of the view worker_overview'],
    ],
  } as const
  return makeCommand(cli, text, async (call) => {
    const { output } = call
    const rows = await withDatabase(cli, call, ({ inspect }) => inspect.workers())
    if (output.json) {
      output.document(rows)
      return EXIT.done
    }
    if (output.tty) {
      output.table(rows, [
        { title: 'NAME', cell: (worker) => worker.name },
        {
          title: 'STATE',
          cell: (worker) => worker.condition,
          style: (worker) => styleOfState(worker.condition),
        },
        { title: 'RUNNING', cell: (worker) => `${worker.running}/${worker.concurrency}` },
        { title: 'QUEUES', cell: (worker) => worker.queues.join(',') },
        { title: 'STARTED', cell: (worker) => worker.started_at },
        { title: 'VERSION', cell: (worker) => worker.version },
        { title: 'TASKS', cell: (worker) => worker.tasks.join(',') },
      ])
    } else {
      output.table(rows, [
        { title: 'ID', cell: (worker) => worker.id },
        { title: 'NAME', cell: (worker) => worker.name },
        { title: 'CONDITION', cell: (worker) => worker.condition },
        { title: 'HOST', cell: (worker) => worker.host },
        { title: 'PID', cell: (worker) => worker.pid },
        { title: 'VERSION', cell: (worker) => worker.version },
        { title: 'RUNNING', cell: (worker) => worker.running },
        { title: 'CONCURRENCY', cell: (worker) => worker.concurrency },
        { title: 'QUEUES', cell: (worker) => worker.queues.join(',') },
        { title: 'TASKS', cell: (worker) => worker.tasks.join(',') },
        { title: 'STARTED', cell: (worker) => worker.started_at },
        { title: 'HEARTBEAT', cell: (worker) => worker.heartbeat_at },
      ])
    }
    if (rows.length === 0)
      output.note('no worker is alive; start one with: celeriac worker --app ./src/jobs.ts')
    return EXIT.done
  })
}
