import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import type { EditFilter, EditReport } from '../../queue/edits.ts'
import type { EditTarget } from '../../queue/verb-options.ts'
import { type Call, type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { addLabel, durationOf, numberOf } from '../flags.ts'
import type { Output } from '../output.ts'
import { withApp } from '../session.ts'

interface Narrowing {
  readonly task?: string
  readonly label?: Readonly<Record<string, string>>
  readonly dryRun?: boolean
}

interface Filter extends Narrowing {
  readonly queue?: string
}

const OUTCOMES =
  'Prints how many ended how, tab-separated; see --json for the jobs. Exits with 1 when one could not be changed (of a filter: since somebody holds it).'

export function moveCommand(cli: Cli): Command {
  const text = {
    usage: 'move <from> <to>',
    summary: 'move jobs that nobody runs to another queue',
    details: OUTCOMES,
    examples: [
      ['celeriac queues move mail mail.slow --task "digest.*"', 'the jobs of some tasks'],
      ['celeriac queues move old new --limit 100', 'the hundred oldest'],
    ],
  } as const
  return narrowing(
    makeCommand<Narrowing & { readonly limit?: string }>(cli, text, async (call) => {
      const { options, args } = call
      const report = await withApp(cli, call, ({ queues }) =>
        queues.move({
          from: String(args[0]),
          to: String(args[1]),
          ...narrowingOf(options),
          ...(options.limit !== undefined && { limit: numberOf(options.limit) }),
          dryRun: options.dryRun === true,
        }),
      )
      return tell(call.output, report, options)
    }),
  ).option('--limit <n>', 'this many at most, those with the lowest ids first')
}

export function purgeCommand(cli: Cli): Command {
  const text = {
    usage: 'purge <queue>',
    summary: 'cancel what waits in a queue for a worker; what runs goes on',
    details: `Asks first, on a terminal; elsewhere it needs --force.\n${OUTCOMES}`,
    examples: [
      ['celeriac queues purge mail --dry-run', 'how many jobs that would be'],
      [
        'celeriac queues purge mail --scheduled --force',
        'also those whose time has not come, without a question',
      ],
    ],
  } as const
  type Options = Narrowing & {
    readonly scheduled?: boolean
    readonly reason?: string
    readonly force?: boolean
  }
  return narrowing(
    makeCommand<Options>(cli, text, async (call) => {
      const { options, output } = call
      const queue = String(call.args[0])
      const purge = {
        ...narrowingOf(options),
        scheduled: options.scheduled === true,
        ...(options.reason !== undefined && { reason: options.reason }),
      }
      return withApp(cli, call, async ({ queues }) => {
        if (options.dryRun === true)
          return tell(output, await queues.purge(queue, { ...purge, dryRun: true }), options)
        if (options.force !== true) {
          const { changed } = await queues.purge(queue, { ...purge, dryRun: true })
          if (!(await isConfirmed(cli, output, `cancel ${changed} jobs of ${queue}?`))) return EXIT.failed
        }
        return tell(output, await queues.purge(queue, purge))
      })
    }),
  )
    .option('--scheduled', 'also jobs whose time has not come')
    .option('--reason <text>', 'what those who wait for the jobs are told (default: purged)')
    .option('-f, --force', 'ask nothing')
}

export function reprioritiseCommand(cli: Cli): Command {
  const text = {
    usage: 'reprioritise [ids...]',
    summary: 'give jobs that nobody runs another priority; a larger one runs first',
    details: OUTCOMES,
    examples: [
      ['celeriac queues reprioritise <id> --to 10', 'one job'],
      ['celeriac queues reprioritise --queue mail --label tenant=acme --to -5', 'all of a customer'],
    ],
  } as const
  return filtering(
    makeCommand<Filter & { readonly to: string }>(cli, text, async (call) => {
      const { options, output } = call
      const report = await withApp(cli, call, ({ queues }) =>
        queues.reprioritise(targetOf(call), numberOf(options.to), { dryRun: options.dryRun === true }),
      )
      return tell(output, report, { ...options, byId: [call.args[0] ?? []].flat().length > 0 })
    }),
  ).requiredOption('--to <priority>', 'from -32768 to 32767')
}

export function rescheduleCommand(cli: Cli): Command {
  const text = {
    usage: 'reschedule [ids...]',
    summary: 'give jobs that nobody runs another time to begin',
    details: `${OUTCOMES} waiting: for other jobs, so that it has no time yet.`,
    examples: [
      ['celeriac queues reschedule <id> --in 0', 'as soon as possible'],
      ['celeriac queues reschedule --queue mail --in 1h', 'an hour from now'],
      ['celeriac queues reschedule --task "digest.*" --at 2030-01-31T07:00:00Z', 'at an instant'],
    ],
  } as const
  return filtering(
    makeCommand<Filter & { readonly in?: string; readonly at?: string }>(cli, text, async (call) => {
      const { options, output } = call
      const time =
        options.at !== undefined && options.in === undefined
          ? { runAt: options.at }
          : options.in !== undefined && options.at === undefined
            ? { delay: durationOf(options.in) }
            : null
      if (time === null) throw new CeleriacError('CLI_USAGE', { problem: 'say when: either --in or --at' })
      const report = await withApp(cli, call, ({ queues }) =>
        queues.reschedule(targetOf(call), time, { dryRun: options.dryRun === true }),
      )
      return tell(output, report, { ...options, byId: [call.args[0] ?? []].flat().length > 0 })
    }),
  )
    .option('--in <duration>', 'this long from now')
    .option('--at <instant>', 'at this instant')
}

function narrowing(command: Command): Command {
  return command
    .option('--task <pattern>', 'only jobs of this task; * and ? stand for any characters and one')
    .option('--label <name=value>', 'only jobs with this label; may be given again', addLabel)
    .option('--dry-run', 'only count')
}

function filtering(command: Command): Command {
  return narrowing(command).option('--queue <name>', 'only jobs of this queue')
}

function narrowingOf({ task, label }: Narrowing): EditFilter {
  return { ...(task !== undefined && { task }), ...(label !== undefined && { labels: label }) }
}

/** @throws {CeleriacError} `CLI_USAGE` unless either ids or a filter are given */
function targetOf({ args, options }: Call<Filter>): EditTarget {
  const ids = [args[0] ?? []].flat()
  const filter = { ...narrowingOf(options), ...(options.queue !== undefined && { queue: options.queue }) }
  if (ids.length > 0 !== Object.keys(filter).length > 0) return ids.length > 0 ? ids : filter
  throw new CeleriacError('CLI_USAGE', { problem: 'say which: either ids, or --queue, --task or --label' })
}

/** How a report is told. */
interface Telling {
  readonly dryRun?: boolean | undefined
  /** Whether the jobs were named one by one. */
  readonly byId?: boolean
}

function tell(
  output: Output,
  { changed, outcomes, jobs }: EditReport,
  { dryRun = false, byId = false }: Telling = {},
): number {
  if (output.json) output.document({ changed, outcomes, jobs, ...(dryRun && { dryRun }) })
  else {
    const rows = Object.entries(outcomes)
    output.table(rows.length === 0 ? [['changed', 0] as const] : rows, [
      { title: 'OUTCOME', cell: ([outcome]) => outcome },
      { title: 'JOBS', cell: ([, count]) => count },
    ])
  }
  if (dryRun) output.note('nothing was changed: --dry-run')
  const { busy = 0, waiting = 0, running = 0, settled = 0, unknown = 0 } = outcomes
  // Of those that a filter means some begin before they are reached, as they should; an id means that one job.
  const missed = busy + waiting + (byId ? running + settled + unknown : 0)
  return missed === 0 ? EXIT.done : EXIT.failed
}

async function isConfirmed({ terminal }: Cli, output: Output, question: string): Promise<boolean> {
  if (!output.tty) {
    const problem = `${question.replace('?', '')} needs a yes, and nobody is here to ask; give --force, or --dry-run to count`
    throw new CeleriacError('CLI_USAGE', { problem })
  }
  terminal.stderr.write(`${question} [y/N] `)
  for await (const answer of terminal.stdin) return /^\s*y(es)?\s*$/i.test(String(answer))
  return false
}
