import type { Command } from 'commander'
import type { Finding } from '../checks/finding.ts'
import { type Cli, makeCommand } from '../command.ts'
import { printable } from '../demo/text-width.ts'
import { EXIT } from '../exit-codes.ts'
import type { Output, Style } from '../output.ts'
import { withTarget } from '../session.ts'

interface Options {
  readonly directUrl?: string
}

export function doctorCommand(cli: Cli): Command {
  const text = {
    usage: 'doctor',
    summary: 'look whether everything is as it should be, and say how to mend what is not',
    details: [
      'Exits with 1 when something is wrong, with 3 when the database cannot be reached, with 4 when the schema is not that',
      'of this version; what is only worth a note changes nothing. Piped: ok, note, wrong or skipped, the check, what was',
      'found, what to do; tab-separated. It writes nothing, and looks at no more of a large queue than of a small one.',
    ].join('\n'),
    examples: [
      ['celeriac doctor', 'on the database that commands would use'],
      ['celeriac doctor --database <url> --json', 'for programs'],
      ['celeriac doctor --direct-url <url>', 'with the way past a transaction pooler, as the app has it'],
    ],
  } as const
  return makeCommand<Options>(cli, text, (call) =>
    withTarget(cli, call, async (input) => {
      const [{ runChecks }, { Database }] = await Promise.all([
        import('../checks/checks.ts'),
        import('../../db/database.ts'),
      ])
      const schema = call.options.schema ?? 'celeriac'
      const { directUrl } = call.options
      const open = (source: typeof input) =>
        new Database({ source, schema, maxConnections: 2, directUrl: directUrl ?? null })
      const database = open(input)
      const direct = directUrl === undefined ? null : open(directUrl)
      const findings: Finding[] = []
      try {
        for await (const finding of runChecks({ input, database, direct })) {
          findings.push(finding)
          if (!call.output.json) tell(finding, call.output)
        }
      } finally {
        await Promise.all([database.close(), direct?.close()])
      }
      const wrong = findings.filter((finding) => finding.status === 'wrong')
      if (call.output.json) {
        const checks = findings.map(({ check, status, message, fix }) => ({ check, status, message, fix }))
        call.output.document({ ok: wrong.length === 0, checks })
      } else if (call.output.tty) call.output.note(summaryOf(findings))
      return Math.max(EXIT.done, ...wrong.map((finding) => finding.exitCode))
    }),
  ).option('--direct-url <url>', 'a way past a transaction pooler: directUrl of the app')
}

const MARKS: Readonly<Record<Finding['status'], readonly [mark: string, style: Style]>> = {
  ok: ['✓', 'green'],
  note: ['!', 'yellow'],
  wrong: ['✗', 'red'],
  skipped: ['-', 'dim'],
}
/** Of the longest name, and two blanks. */
const NAME_WIDTH = 20

function tell({ check, status, message, fix }: Finding, output: Output): void {
  if (!output.tty) {
    output.line([status, check, message, fix ?? ''].map(printable).join('\t'))
    return
  }
  const [mark, style] = MARKS[status]
  output.line(`${output.styled(mark, style)} ${check.padEnd(NAME_WIDTH)}${printable(message)}`)
  if (fix !== null)
    output.line(`  ${output.styled('fix'.padStart(NAME_WIDTH - 2), 'dim')}  ${printable(fix)}`)
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (status: Finding['status']): number =>
    findings.filter((finding) => finding.status === status).length
  const notes = count('note') === 1 ? '1 note' : `${count('note')} notes`
  return count('wrong') === 0 ? `nothing wrong, ${notes}` : `${count('wrong')} wrong, ${notes}`
}
