import type { Command } from 'commander'
import { integer } from '../../base/options.ts'
import type { Celeriac } from '../../celeriac.ts'
import type { ScheduleListRow } from '../../db/tables.ts'
import { ruleText } from '../../schedule/rule.ts'
import { openApp } from '../app-session.ts'
import { type AnyCall, type Call, type Cli, type CommandText, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { numberOf } from '../flags.ts'
import { unlessAborted } from '../interrupts.ts'
import { styleOfState } from '../look.ts'
import type { Column, Output } from '../output.ts'
import { soon, withApp, withDatabase } from '../session.ts'
import { putCommand } from './schedules-put.ts'

/** `celeriac schedules`: the list, and below it a command for each verb. */
export function schedulesCommand(cli: Cli): Command {
  const list = makeCommand(cli, LIST, (call) => listAll(cli, call))
  for (const make of [listCommand, showCommand, previewCommand, pauseCommand, resumeCommand]) {
    list.addCommand(make(cli))
  }
  for (const make of [runCommand, skipCommand, resetCommand, removeCommand, putCommand])
    list.addCommand(make(cli))
  return list
}

const LIST: CommandText = {
  usage: 'schedules',
  summary:
    'list schedules, with what they do and when; below: show, preview, pause, resume, run, skip, reset, remove, put',
  details: 'Piped: name, condition, task, rule, next, last, fires, source, error; tab-separated.',
  examples: [
    ['celeriac schedules', 'what comes when'],
    ['celeriac schedules pause nightly --reason "migration"', 'until it is resumed'],
    ['celeriac schedules preview "0 9 * * mon" --timezone Europe/Lisbon', 'when a rule would fire'],
    ['celeriac schedules --json', 'the columns of the view schedule_list'],
  ],
}

function listCommand(cli: Cli): Command {
  const text = { ...LIST, usage: 'list', summary: 'the same as schedules alone' }
  return makeCommand(cli, text, (call) => listAll(cli, call))
}

async function listAll(cli: Cli, call: AnyCall): Promise<number> {
  const { output } = call
  const rows = await withDatabase(cli, call, ({ inspect }) => inspect.schedules())
  if (output.json) {
    output.document(rows.map(withNumbers))
    return EXIT.done
  }
  output.table(rows, COLUMNS)
  if (rows.length === 0)
    output.note('no schedule yet: declare one with task.every(…), or see: celeriac schedules put --help')
  return EXIT.done
}

const COLUMNS: readonly Column<ScheduleListRow>[] = [
  { title: 'NAME', cell: (row) => row.name },
  { title: 'STATE', cell: (row) => row.condition, style: (row) => styleOfState(row.condition) },
  { title: 'TASK', cell: (row) => row.task },
  { title: 'WHEN', cell: (row) => ruleText(row.rule) },
  { title: 'NEXT', cell: (row) => row.next_run_at },
  { title: 'LAST', cell: (row) => row.last_run_at },
  { title: 'FIRES', cell: (row) => row.fires },
  { title: 'SOURCE', cell: (row) => row.source },
  { title: 'ERROR', cell: (row) => row.last_error },
]

/** The driver reads bigint as text. */
function withNumbers(row: ScheduleListRow): Readonly<Record<string, unknown>> {
  const numbers = ['fires', 'deadline_ms', 'jitter_ms', 'max_fires', 'version'] as const
  return {
    ...row,
    ...Object.fromEntries(numbers.map((name) => [name, row[name] === null ? null : Number(row[name])])),
  }
}

function showCommand(cli: Cli): Command {
  const text = {
    usage: 'show <name>',
    summary: 'show everything known of a schedule',
    examples: [['celeriac schedules show nightly', 'what it does, when, and what was changed']],
  } as const
  return makeCommand(cli, text, async (call) => {
    const name = String(call.args[0])
    const info = await withApp(cli, call, (app) => app.schedules.get(name))
    if (call.output.json) call.output.document(info)
    else for (const [key, value] of Object.entries(info)) showFact(call.output, key, value)
    return EXIT.done
  })
}

function showFact(output: Output, name: string, value: unknown): void {
  if (value === null) return
  const text =
    value instanceof Date
      ? output.time(value)
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value)
  output.line(output.tty ? `${name.padEnd(12)} ${text}` : `${name}\t${text.replaceAll('\t', ' ')}`)
}

interface PreviewOptions {
  readonly count?: string
  readonly timezone?: string
}

function previewCommand(cli: Cli): Command {
  const text = {
    usage: 'preview <name>',
    summary: 'tell the next instants of a schedule, or of a cron expression',
    examples: [
      ['celeriac schedules preview nightly --count 10', 'the next ten'],
      ['celeriac schedules preview "0 9 * * 1-5" --timezone Europe/Lisbon', 'of a rule that is none yet'],
    ],
  } as const
  return makeCommand<PreviewOptions>(cli, text, async (call) => {
    const { options, output } = call
    const what = String(call.args[0])
    const count = integer(numberOf(options.count ?? '5'), '--count', 1, 1_000)
    const timezone = options.timezone === undefined ? {} : { timezone: options.timezone }
    const isCron = what.startsWith('@') || what.trim().split(/\s+/).length >= 5
    const instants = await withApp(cli, call, (app) =>
      app.schedules.preview(isCron ? { cron: what, ...timezone } : what, count),
    )
    if (output.json) output.document(instants)
    else for (const instant of instants) output.line(output.time(instant))
    if (instants.length === 0) output.note('nothing comes')
    return EXIT.done
  })
    .option('--count <n>', 'so many, from 1 to 1000 (default: 5)')
    .option('--timezone <zone>', 'zone of the expression, such as Europe/Lisbon (default: UTC)')
}

function pauseCommand(cli: Cli): Command {
  const text = {
    usage: 'pause <names...>',
    summary: 'stop schedules from firing until they are resumed',
    examples: [['celeriac schedules pause nightly hourly --reason "migration"', 'the reason is listed']],
  } as const
  return makeCommand<{ readonly reason?: string }>(cli, text, (call) =>
    forEach(cli, call, 'paused', (app, name) => {
      const { reason } = call.options
      return app.schedules.pause(name, reason === undefined ? {} : { reason })
    }),
  ).option('--reason <text>', 'why')
}

function resumeCommand(cli: Cli): Command {
  const text = {
    usage: 'resume <names...>',
    summary: 'let schedules fire again that were paused, removed or broken',
    examples: [['celeriac schedules resume nightly', 'from its next instant on']],
  } as const
  return makeCommand(cli, text, (call) =>
    forEach(cli, call, 'resumed', (app, name) => app.schedules.resume(name)),
  )
}

function removeCommand(cli: Cli): Command {
  const text = {
    usage: 'remove <names...>',
    summary: 'remove schedules; those that code declares are retired until they are resumed',
    examples: [['celeriac schedules remove nightly', 'prints what became of it']],
  } as const
  return makeCommand(cli, text, (call) =>
    forEach(cli, call, 'removed', (app, name) => app.schedules.remove(name)),
  )
}

function resetCommand(cli: Cli): Command {
  const text = {
    usage: 'reset <names...>',
    summary: 'take back what was changed at run time: as the code declares them again',
    examples: [['celeriac schedules reset nightly', 'a pause stays']],
  } as const
  return makeCommand(cli, text, (call) =>
    forEach(cli, call, 'reset', (app, name) => app.schedules.reset(name)),
  )
}

function skipCommand(cli: Cli): Command {
  const text = {
    usage: 'skip <names...>',
    summary: 'leave the next instant of schedules out',
    examples: [['celeriac schedules skip nightly', 'prints the instant that does not fire']],
  } as const
  return makeCommand(cli, text, (call) =>
    forEach(cli, call, 'skipped', async (app, name) => (await app.schedules.skipNext(name)).toISOString()),
  )
}

function runCommand(cli: Cli): Command {
  const text = {
    usage: 'run <names...>',
    summary: 'enqueue a job of schedules now; prints the ids of the jobs',
    details:
      'Options of the task (queue, priority …) are known only where its code is: give the file with --app.',
    examples: [['celeriac schedules run nightly --app ./src/jobs.ts', 'beside its instants']],
  } as const
  return makeCommand<{ readonly app?: string }>(cli, text, async (call) => {
    const run = async (app: Celeriac, name: string): Promise<string> => (await app.schedules.runNow(name)).id
    if (call.options.app === undefined) return forEach(cli, call, 'run', run)
    const app = await openApp(cli, call, call.options.app)
    try {
      return await unlessAborted(report(app, call, 'run', run), cli.interrupts.signal)
    } finally {
      await soon(app.stop())
    }
  }).option('--app <file>', 'file that defines the task: its options hold')
}

function forEach(
  cli: Cli,
  call: Call<object>,
  word: string,
  verb: (app: Celeriac, name: string) => Promise<unknown>,
): Promise<number> {
  return withApp(cli, call, (app) => report(app, call, word, verb))
}

/** Does it to each, in the order they were typed; the first that cannot be ends it. */
async function report(
  app: Celeriac,
  { args, output }: AnyCall,
  word: string,
  verb: (app: Celeriac, name: string) => Promise<unknown>,
): Promise<number> {
  const done: { readonly name: string; readonly outcome: string }[] = []
  for (const name of [args[0] ?? []].flat()) {
    const said = await verb(app, name)
    done.push({ name, outcome: typeof said === 'string' ? said : word })
  }
  if (output.json) output.document(done)
  else {
    output.table(done, [
      { title: 'NAME', cell: (row) => row.name },
      { title: 'OUTCOME', cell: (row) => row.outcome },
    ])
  }
  return EXIT.done
}
