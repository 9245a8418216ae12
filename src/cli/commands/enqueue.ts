import type { Command } from 'commander'
import { CeleriacError, isCeleriacError } from '../../base/errors.ts'
import { encodeResult } from '../../base/json.ts'
import type { Celeriac } from '../../celeriac.ts'
import type { JobHandle, Settled } from '../../job/handle.ts'
import type { CallOptions } from '../../task/options.ts'
import { openApp } from '../app-session.ts'
import { type AnyCall, type Call, type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { addLabel, durationOf, numberOf } from '../flags.ts'
import { unlessAborted } from '../interrupts.ts'
import { readArgs } from '../read-args.ts'
import { soon, withApp } from '../session.ts'

interface Options {
  readonly app?: string
  readonly queue?: string
  readonly delay?: string
  readonly runAt?: string
  readonly priority?: string
  readonly maxAttempts?: string
  readonly expires?: string
  readonly id?: string
  readonly label?: Readonly<Record<string, string>>
  readonly wait?: string
  readonly progress?: boolean
}

const MOST_BYTES = 200 * 1_048_576

export function enqueueCommand(cli: Cli): Command {
  const text = {
    usage: 'enqueue <task> [args...]',
    summary: 'enqueue a job; prints its id, or with --wait its result',
    details: [
      'Each argument is JSON; @file reads one from a file, - reads one from stdin. Values that JSON lacks are written as',
      'they are stored: {"$date":"2026-11-21T07:46:00Z"}, {"$bigint":"9007199254740993"}.',
      'Options of the task (queue, priority …) are known only where its code is: give them here, or the file with --app.',
    ].join('\n'),
    examples: [
      ['celeriac enqueue add 2 3', 'two arguments'],
      [`celeriac enqueue mail.welcome '{"id":"7"}' --queue mail --delay 5m`, 'an object, in five minutes'],
      [`celeriac enqueue greet '"Ada"' --wait 30s`, 'a string is JSON too; prints what the task returns'],
      [
        'celeriac enqueue import @rows.json --progress',
        'an argument from a file; shows progress until it ends',
      ],
      [`jq '.user' event.json | celeriac enqueue mail.welcome -`, 'an argument from stdin'],
    ],
  } as const
  return makeCommand<Options>(cli, text, async (call) => {
    const [task, given] = call.args
    const args = await readArgs([given ?? []].flat(), cli.terminal.stdin)
    const { options } = call
    const enqueue = (app: Celeriac): Promise<number> => enqueueOne(cli, call, app, String(task), args)
    if (options.app === undefined) return withApp(cli, call, enqueue)
    const app = await openApp(cli, call, options.app)
    try {
      return await unlessAborted(enqueue(app), cli.interrupts.signal)
    } finally {
      await soon(app.stop())
    }
  })
    .option(
      '--app <file>',
      'file that defines the task: its options hold, and its schema checks the arguments',
    )
    .option('--queue <name>', 'queue to stand in (default: default)')
    .option('--delay <duration>', 'begin after this long, such as 5m')
    .option('--run-at <instant>', 'begin at this instant, such as 2026-11-21T07:46:00Z')
    .option('--priority <n>', 'larger runs first (default: 0)')
    .option('--max-attempts <n>', 'executions in all (default: 5)')
    .option('--expires <duration>', 'too late to begin after this long')
    .option('--id <uuid>', 'id of the job; one that is taken is refused')
    .option('--label <key=value>', 'a label; may be given many times', addLabel)
    .option('--wait <duration>', 'wait so long for the result and print it')
    .option('--progress', 'print what the job reports, and wait for its result')
}

async function enqueueOne(
  cli: Cli,
  { options, output }: Call<Options>,
  app: Celeriac,
  task: string,
  args: readonly unknown[],
): Promise<number> {
  const handle = await app.enqueue(task, args, callOptions(options))
  const { id } = handle
  if (options.wait === undefined && options.progress !== true) {
    if (output.json) output.document({ id })
    else output.line(id)
    return EXIT.done
  }
  if (!output.json) output.note(`job ${id}`)
  const goesOn = (): void => output.note(`the job goes on; see: celeriac job ${id}`)
  cli.interrupts.signal.addEventListener('abort', goesOn, { once: true })
  try {
    if (options.progress === true) void showProgress(handle, output.note)
    const timeout = options.wait === undefined ? {} : { timeout: durationOf(options.wait) }
    return tellEnd(await handle.settled({ ...timeout, signal: cli.interrupts.signal }), id, output)
  } catch (error) {
    if (!output.json || !isCeleriacError(error, 'RESULT_TIMEOUT')) throw error
    const { code, message } = error
    output.document({ id, state: await handle.state(), error: { code, message } })
    return EXIT.failed
  } finally {
    cli.interrupts.signal.removeEventListener('abort', goesOn)
  }
}

function tellEnd(settled: Settled<unknown>, id: string, output: AnyCall['output']): number {
  if (!settled.ok) {
    if (!output.json) throw settled.error
    const { code, message } = settled.error
    const state = isCeleriacError(settled.error, 'JOB_CANCELLED') ? 'cancelled' : 'failed'
    output.document({ id, state, error: { code, message } })
    return EXIT.failed
  }
  // As it is stored: what JSON lacks stays tagged.
  const text = encodeResult(settled.value, { task: 'result', maxBytes: MOST_BYTES }) ?? 'null'
  if (output.json) output.document({ id, state: 'succeeded', value: JSON.parse(text) as unknown })
  else output.line(text)
  return EXIT.done
}

async function showProgress(handle: JobHandle, note: (text: string) => void): Promise<void> {
  for await (const report of handle.progress()) note(`progress ${JSON.stringify(report)}`)
}

function callOptions(options: Options): CallOptions {
  const { queue, delay, runAt, priority, maxAttempts, expires, id, label } = options
  if (runAt !== undefined && Number.isNaN(Date.parse(runAt))) {
    const problem = 'must be an instant like 2026-11-21T07:46:00Z'
    throw new CeleriacError('OPTION_INVALID', { option: '--run-at', problem })
  }
  return {
    ...(queue !== undefined && { queue }),
    ...(delay !== undefined && { delay: durationOf(delay) }),
    ...(runAt !== undefined && { runAt: new Date(runAt) }),
    ...(priority !== undefined && { priority: numberOf(priority) }),
    ...(maxAttempts !== undefined && { maxAttempts: numberOf(maxAttempts) }),
    ...(expires !== undefined && { expires: durationOf(expires) }),
    ...(id !== undefined && { id }),
    ...(label !== undefined && { labels: label }),
  }
}
