import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import type { PauseTarget } from '../../queue/pause-target.ts'
import { type Call, type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { addLabel, durationOf } from '../flags.ts'
import { withApp } from '../session.ts'

interface Target {
  readonly task?: string
  readonly label?: Readonly<Record<string, string>>
  readonly limit?: string
  readonly key?: string
}

interface Options extends Target {
  readonly reason?: string
  readonly for?: string
  readonly until?: string
}

export function pauseCommand(cli: Cli): Command {
  const text = {
    usage: 'pause [queue]',
    summary: 'claim nothing of a queue, a task, a label or a key of a limit until it is resumed',
    details:
      'What runs goes on, and jobs may be enqueued. Done once no worker claims any of it. Prints paused, or changed when it was paused already.',
    examples: [
      ['celeriac queues pause mail --reason "SMTP outage"', 'a queue'],
      ['celeriac queues pause --task mail.digest --for 30m', 'a task, in whatever queue; resumes by itself'],
      ['celeriac queues pause --label tenant=acme', 'all jobs of a customer'],
      ['celeriac queues pause --limit api --key acme', 'one key of a limit'],
    ],
  } as const
  return withTarget(
    makeCommand<Options>(cli, text, async (call) => {
      const { options, output } = call
      const target = targetOf(call)
      const outcome = await withApp(cli, call, ({ queues }) =>
        queues.pause(target, {
          ...(options.reason !== undefined && { reason: options.reason }),
          ...(options.for !== undefined && { for: durationOf(options.for) }),
          ...(options.until !== undefined && { until: options.until }),
        }),
      )
      if (output.json) output.document({ target, outcome })
      else output.line(outcome)
      return EXIT.done
    }),
  )
    .option('--reason <text>', 'why, for people')
    .option('--for <duration>', 'resume by itself after this long')
    .option('--until <instant>', 'resume by itself then')
}

export function resumeCommand(cli: Cli): Command {
  const text = {
    usage: 'resume [queue]',
    summary: 'end a pause',
    details: 'Prints resumed, or running when it was not paused; then it exits with 1.',
    examples: [
      ['celeriac queues resume mail', 'a queue'],
      ['celeriac queues resume --task mail.digest', 'a task'],
    ],
  } as const
  return withTarget(
    makeCommand<Target>(cli, text, async (call) => {
      const target = targetOf(call)
      const outcome = await withApp(cli, call, ({ queues }) => queues.resume(target))
      if (call.output.json) call.output.document({ target, outcome })
      else call.output.line(outcome)
      return outcome === 'resumed' ? EXIT.done : EXIT.failed
    }),
  )
}

function withTarget(command: Command): Command {
  return command
    .option('--task <name>', 'a task instead of a queue')
    .option('--label <name=value>', 'all jobs with this label', addLabel)
    .option('--limit <name>', 'a limit, of which --key says the key')
    .option('--key <key>', 'key of the limit')
}

/** @throws {CeleriacError} `CLI_USAGE` unless exactly one thing is named */
function targetOf({ args, options }: Call<Target>): PauseTarget {
  const { task, label, limit, key } = options
  const named: PauseTarget[] = [
    ...(typeof args[0] === 'string' ? [args[0]] : []),
    ...(task === undefined ? [] : [{ task }]),
    ...(label === undefined ? [] : [{ label }]),
    ...(limit === undefined ? [] : [{ limit, key: key ?? '' }]),
  ]
  const [target] = named
  if (target !== undefined && named.length === 1) return target
  const problem = 'name one thing: a queue, --task, --label, or --limit with --key'
  throw new CeleriacError('CLI_USAGE', { problem })
}
