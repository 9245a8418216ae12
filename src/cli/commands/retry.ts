import type { Command } from 'commander'
import { assertJobId } from '../../base/ids.ts'
import { type Cli, makeCommand } from '../command.ts'
import { withDatabase } from '../session.ts'
import { reportVerb } from '../verb-report.ts'

export function retryCommand(cli: Cli): Command {
  const text = {
    usage: 'retry <ids...>',
    summary: 'run jobs again: settled ones with one more attempt, waiting ones at once',
    details:
      'Prints what became of each: retried, running (nothing changed) or unknown. Exits with 1 unless all are retried.',
    examples: [
      ['celeriac retry <id>', 'run a failed job again'],
      ['celeriac jobs --state failed | cut -f1 | xargs celeriac retry', 'all that have failed'],
    ],
  } as const
  return makeCommand(cli, text, async (call) => {
    const ids = [call.args[0] ?? []].flat().map(assertJobId)
    const outcomes = await withDatabase(cli, call, async ({ database }) => {
      const { retryJobs } = await import('../../db/calls/job.ts')
      return retryJobs(database, ids)
    })
    return reportVerb(call.output, { ids, outcomes, wanted: ['retried'] })
  })
}
