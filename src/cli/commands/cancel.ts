import type { Command } from 'commander'
import { assertJobId } from '../../base/ids.ts'
import { type Cli, makeCommand } from '../command.ts'
import { withDatabase } from '../session.ts'
import { reportVerb } from '../verb-report.ts'

interface Options {
  readonly reason?: string
  readonly kill?: boolean
}

export function cancelCommand(cli: Cli): Command {
  const text = {
    usage: 'cancel <ids...>',
    summary: 'cancel jobs: those that wait at once, running ones through their signal',
    details:
      'Prints what became of each: cancelled, requested (it runs), killed (with --kill), settled (too late) or unknown. Exits with 1 if one is settled or unknown.',
    examples: [
      ['celeriac cancel <id> --reason "wrong customer"', 'the reason is kept with the job'],
      [
        'celeriac jobs --queue mail --state pending | cut -f1 | xargs celeriac cancel',
        'all that wait in a queue',
      ],
      ['celeriac cancel <id> --kill', 'does not wait for its handler'],
    ],
  } as const
  return makeCommand<Options>(cli, text, async (call) => {
    const ids = [call.args[0] ?? []].flat().map(assertJobId)
    const outcomes = await withDatabase(cli, call, async ({ database }) => {
      const reason = call.options.reason ?? null
      if (call.options.kill === true) {
        const { killJobs } = await import('../../db/calls/kill-jobs.ts')
        return killJobs(database, ids, reason)
      }
      const { cancelJobs } = await import('../../db/calls/job.ts')
      return cancelJobs(database, ids, reason)
    })
    return reportVerb(call.output, { ids, outcomes, wanted: ['cancelled', 'requested', 'killed'] })
  })
    .option('--reason <text>', 'why; kept with the job and given to its handler')
    .option('--kill', 'take running ones away from their workers at once')
}
