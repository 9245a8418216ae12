import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import { assertJobId } from '../../base/ids.ts'
import { type Cli, makeCommand } from '../command.ts'
import { printable } from '../demo/text-width.ts'
import { EXIT } from '../exit-codes.ts'
import { styleOfState } from '../look.ts'
import { withDatabase } from '../session.ts'

export function explainCommand(cli: Cli): Command {
  const text = {
    usage: 'explain <id>',
    summary: 'say why a job is not running, and when it may start',
    examples: [
      ['celeriac explain 01939cb4-…', 'which door holds it, and who holds that'],
      ['celeriac explain <id> --json', 'what celeriac.explain(id) answers'],
    ],
  } as const
  return makeCommand(cli, text, async (call) => {
    const { args, output } = call
    const jobId = assertJobId(args[0])
    const found = await withDatabase(cli, call, async ({ database }) => {
      const { readExplanation } = await import('../../db/calls/explain.ts')
      return readExplanation(database, jobId)
    })
    if (found.state === 'unknown') throw new CeleriacError('JOB_UNKNOWN', { jobId })
    if (output.json) {
      output.document({ ...found })
      return EXIT.done
    }
    const { state, reason, message, also = [] } = found
    const head = state === reason ? state : `${state}, ${reason}`
    output.line(output.styled(head, styleOfState(state, reason) ?? 'bold'))
    output.line(printable(message))
    for (const [name, instant] of [
      ['since', found.since],
      ['until', found.until],
      ['starts about', found.estimatedStart],
    ] as const)
      if (instant !== undefined) output.line(`${name.padEnd(12)} ${output.time(new Date(instant))}`)
    for (const one of also) output.line(`also: ${printable(one.message)}`)
    return EXIT.done
  })
}
