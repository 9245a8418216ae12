import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import { type Cli, makeCommand } from '../command.ts'
import { EXIT, exitCodeOfSignal } from '../exit-codes.ts'

export function demoCommand(cli: Cli): Command {
  return makeCommand<{ readonly fail?: boolean }>(
    cli,
    {
      usage: 'demo [folder]',
      summary: 'upload and publish music, with nothing configured: one canvas of 29 jobs for each audio file',
      examples: [
        ['celeriac demo', 'on files it makes itself, with a PostgreSQL it starts itself'],
        ['celeriac demo --fail', 'with a damaged file, and one that infringes a copyright'],
        ['celeriac demo ~/Music/album', 'on the mp3, flac, ogg, opus and wav files of a folder'],
        ['celeriac demo --database <url>', 'on your server, in a schema of its own'],
      ],
    },
    async ({ args: [folder], options, output }) => {
      const { terminal, interrupts } = cli
      const url = options.database ?? terminal.env.CELERIAC_DATABASE_URL
      const { runDemo } = await import('../demo/demo.ts')
      // The demo decides about colours as any program does.
      if (!options.color) process.env.NO_COLOR = '1'
      const exitCode = await runDemo({
        ...(typeof folder === 'string' && { folder }),
        ...(url !== undefined && url !== '' && { url }),
        fail: options.fail === true,
        // Its lines are for people: beside a document they are no data.
        stdout: output.json ? process.stderr : process.stdout,
        stderr: process.stderr,
        signal: interrupts.signal,
      })
      if (output.json) output.document({ ok: exitCode === EXIT.done })
      const { reason } = interrupts.signal
      return reason instanceof CeleriacError
        ? exitCodeOfSignal(String(Reflect.get(reason.facts, 'signal')))
        : exitCode
    },
  ).option('--fail', 'make two of the uploads fail, to see what then happens')
}
