import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import { oneOf } from '../../base/options.ts'
import type { ScheduledOptions, ScheduleRule, ScheduleSettings } from '../../task/every.ts'
import { type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { addLabel, durationOf, numberOf } from '../flags.ts'
import { readArgs } from '../read-args.ts'
import { withApp } from '../session.ts'

interface Options {
  readonly cron?: string
  readonly timezone?: string
  readonly every?: string
  readonly at?: string
  readonly overlap?: string
  readonly catchUp?: string
  readonly catchUpMax?: string
  readonly deadline?: string
  readonly start?: string
  readonly end?: string
  readonly count?: string
  readonly jitter?: string
  readonly description?: string
  readonly queue?: string
  readonly priority?: string
  readonly maxAttempts?: string
  readonly expires?: string
  readonly label?: Readonly<Record<string, string>>
}

/** `celeriac schedules put`: makes one, or replaces it. */
export function putCommand(cli: Cli): Command {
  const text = {
    usage: 'put <name> <task> [args...]',
    summary: 'make a schedule, or replace the one of that name',
    details: 'Arguments are written as for enqueue. Workers take it up at once.',
    examples: [
      [
        'celeriac schedules put nightly report --cron "0 3 * * *" --timezone Europe/Lisbon',
        'every night at three',
      ],
      [
        'celeriac schedules put sync sync.tenant \'"acme"\' --every 5m --overlap skip',
        'unless it still runs',
      ],
      ['celeriac schedules put launch mail.all --at 2030-01-31T12:00:00Z', 'once'],
    ],
  } as const
  return makeCommand<Options>(cli, text, async (call) => {
    const { output } = call
    const [name, task, given] = call.args
    const args = await readArgs([given ?? []].flat(), cli.terminal.stdin)
    const flags = readFlags(call.options)
    const info = await withApp(cli, call, (app) =>
      app.schedules.put(String(name), { ...flags, task: String(task), args }),
    )
    if (output.json) output.document(info)
    else output.line(info.name)
    return EXIT.done
  })
    .option('--cron <expression>', '5 fields, or 6 with seconds first, or an alias such as @daily')
    .option('--timezone <zone>', 'zone of the expression, such as Europe/Lisbon (default: UTC)')
    .option('--every <duration>', 'so often, such as 5m')
    .option('--at <instant>', 'once, such as 2030-01-31T12:00:00Z')
    .option(
      '--overlap <policy>',
      'while the job before is not settled: allow, skip, queue, cancel (default: allow)',
    )
    .option('--catch-up <policy>', 'of missed instants fire: none, last, all (default: last)')
    .option('--catch-up-max <n>', 'at most so many of all (default: 100)')
    .option('--deadline <duration>', 'an instant that could not fire within this time never does')
    .option('--start <instant>', 'no earlier instant fires')
    .option('--end <instant>', 'no later instant fires')
    .option('--count <n>', 'fires in all')
    .option('--jitter <duration>', 'jobs are due later by up to this')
    .option('--description <text>', 'what it is for')
    .option('--queue <name>', 'queue of its jobs')
    .option('--priority <n>', 'larger runs first')
    .option('--max-attempts <n>', 'executions of a job in all')
    .option('--expires <duration>', 'too late to begin after this long')
    .option('--label <key=value>', 'a label of its jobs; may be given many times', addLabel)
}

function readFlags(given: Options): ScheduleRule & ScheduleSettings {
  const { deadline, start, end, jitter, description } = given
  const options = readJobFlags(given)
  return {
    ...readRuleFlags(given),
    ...(given.overlap !== undefined && {
      overlap: oneOf(given.overlap, '--overlap', ['allow', 'skip', 'queue', 'cancel']),
    }),
    ...(given.catchUp !== undefined && {
      catchUp: oneOf(given.catchUp, '--catch-up', ['none', 'last', 'all']),
    }),
    ...(given.catchUpMax !== undefined && { catchUpMax: numberOf(given.catchUpMax) }),
    ...(deadline !== undefined && { deadline: durationOf(deadline) }),
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    ...(given.count !== undefined && { count: numberOf(given.count) }),
    ...(jitter !== undefined && { jitter: durationOf(jitter) }),
    ...(description !== undefined && { description }),
    ...(Object.keys(options).length > 0 && { options }),
  }
}

function readRuleFlags({ cron, timezone, every, at }: Options): ScheduleRule {
  const [first, second] = [
    cron === undefined ? [] : ['--cron'],
    every === undefined ? [] : ['--every'],
    at === undefined ? [] : ['--at'],
  ].flat()
  if (first === undefined)
    throw new CeleriacError('CLI_USAGE', { problem: 'say when it fires: --cron, --every or --at' })
  if (second !== undefined) throw new CeleriacError('OPTION_CONFLICT', { option: first, other: second })
  if (every !== undefined) return { interval: durationOf(every) }
  if (at !== undefined) return { at }
  return { cron: cron ?? '', ...(timezone !== undefined && { timezone }) }
}

function readJobFlags({ queue, priority, maxAttempts, expires, label }: Options): ScheduledOptions {
  return {
    ...(queue !== undefined && { queue }),
    ...(priority !== undefined && { priority: numberOf(priority) }),
    ...(maxAttempts !== undefined && { maxAttempts: numberOf(maxAttempts) }),
    ...(expires !== undefined && { expires: durationOf(expires) }),
    ...(label !== undefined && { labels: label }),
  }
}
