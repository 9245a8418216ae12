import type { Command } from 'commander'
import type { Finding } from '../checks.ts'
import { type Cli, makeCommand } from '../command.ts'
import { printable } from '../demo/text-width.ts'
import { EXIT } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { withTarget } from '../session.ts'

export function doctorCommand(cli: Cli): Command {
  const text = {
    usage: 'doctor',
    summary: 'look whether everything is as it should be, and say how to mend what is not',
    details: [
      'Exits with 1 when something is wrong, with 3 when the database cannot be reached, with 4 when the schema is not that',
      'of this version. Piped: status, check, what was found, what to do; tab-separated.',
    ].join('\n'),
    examples: [
      ['celeriac doctor', 'on the database that commands would use'],
      ['celeriac doctor --database <url> --json', 'for programs'],
    ],
  } as const
  return makeCommand(cli, text, (call) =>
    withTarget(cli, call, async (input) => {
      const [{ runChecks }, { Database }, { Inspect }] = await Promise.all([
        import('../checks.ts'),
        import('../../db/database.ts'),
        import('../../inspect/inspect.ts'),
      ])
      const database = new Database({
        source: input,
        schema: call.options.schema ?? 'celeriac',
        maxConnections: 2,
      })
      const findings: Finding[] = []
      try {
        for await (const finding of runChecks(input, { database, inspect: new Inspect(database) })) {
          findings.push(finding)
          if (!call.output.json) tell(finding, call.output)
        }
      } finally {
        await database.close()
      }
      const wrong = findings.filter((finding) => finding.status === 'wrong')
      if (call.output.json) {
        const checks = findings.map(({ check, status, message, fix }) => ({ check, status, message, fix }))
        call.output.document({ ok: wrong.length === 0, checks })
      }
      return Math.max(EXIT.done, ...wrong.map((finding) => finding.exitCode))
    }),
  )
}

function tell({ check, status, message, fix }: Finding, output: Output): void {
  if (!output.tty) {
    output.line([status, check, message, fix ?? ''].map(printable).join('\t'))
    return
  }
  const mark = status === 'ok' ? output.styled('✓', 'green') : output.styled('✗', 'red')
  output.line(`${mark} ${check.padEnd(19)} ${printable(message)}`)
  if (fix !== null) output.line(`  ${output.styled('fix:', 'yellow').padEnd(4)} ${fix}`)
}
