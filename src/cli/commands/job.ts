import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import { assertJobId } from '../../base/ids.ts'
import type { JobDetailRow } from '../../db/calls/read-jobs.ts'
import type { AttemptListRow } from '../../db/tables.ts'
import { type Cli, makeCommand } from '../command.ts'
import { printable } from '../demo/text-width.ts'
import { EXIT } from '../exit-codes.ts'
import { styleOfState } from '../look.ts'
import type { Output } from '../output.ts'
import { withDatabase } from '../session.ts'

export function jobCommand(cli: Cli): Command {
  const text = {
    usage: 'job <id>',
    summary: 'show everything known of a job, with the attempts that did not succeed',
    examples: [
      ['celeriac job 01939cb4-…', 'args, result or error, times, attempts'],
      ['celeriac job <id> --json', 'the columns of the view job_detail, and `attempts`'],
    ],
  } as const
  return makeCommand(cli, text, async (call) => {
    const { args, output } = call
    const jobId = assertJobId(args[0])
    const { job, attempts, children } = await withDatabase(cli, call, async ({ database, inspect }) => {
      const { readChildren, readDetail } = await import('../../db/calls/read-jobs.ts')
      const job = await readDetail(database, jobId)
      if (job === null) throw new CeleriacError('JOB_UNKNOWN', { jobId })
      return { job, attempts: await inspect.attempts(jobId), children: await readChildren(database, jobId) }
    })
    if (output.json) output.document({ ...job, attempts, children })
    else show(job, attempts, children, output)
    return EXIT.done
  })
}

function show(
  job: JobDetailRow,
  attempts: readonly AttemptListRow[],
  children: readonly string[],
  output: Output,
): void {
  const time = (instant: string | null): string => output.time(instant === null ? null : new Date(instant))
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['id', job.id],
    ['state', output.styled(job.state, styleOfState(job.state) ?? 'bold')],
    ['task', job.task],
    ['queue', job.queue],
    ['priority', String(job.priority)],
    ['args', json(job.args)],
    ['value', job.state === 'succeeded' ? json(job.value) : ''],
    ['error', errorText(job.error)],
    ['progress', job.progress === null ? '' : json(job.progress)],
    ['labels', job.labels === null ? '' : json(job.labels)],
    ['attempt', `${job.attempt} of ${job.max_attempts}${uncharged(job)}`],
    ['enqueued', time(job.enqueued_at)],
    ['due', time(job.run_at)],
    ['claimed', time(job.claimed_at)],
    ['settled', time(job.settled_at)],
    ['expires', time(job.expires_at)],
    [
      'cancel',
      job.cancel_requested_at === null ? '' : `requested: ${job.cancel_reason ?? 'no reason given'}`,
    ],
    ['worker', job.worker_id ?? ''],
    ['parent', job.parent_id ?? ''],
    ['root', job.root_id ?? ''],
    ['workflow', job.workflow_id ?? ''],
    ['children', children.join(' ')],
  ]
  const line = (name: string, value: string): void =>
    output.line(output.tty ? `${name.padEnd(10)} ${value}` : `${name}\t${value.replaceAll('\t', ' ')}`)
  for (const [name, value] of facts) if (value !== '') line(name, value)
  for (const attempt of attempts) {
    const ended = output.time(attempt.ended_at)
    const error = errorText(attempt.error)
    line(`attempt ${attempt.attempt}`, `${attempt.outcome} ${ended} ${error}`)
    // The stack is for people; programs take --json.
    if (output.tty)
      for (const frame of framesOf(attempt.error)) output.line(output.styled(`           ${frame}`, 'dim'))
  }
}

function uncharged({ snoozes, losses }: JobDetailRow): string {
  const parts = [
    snoozes > 0 ? `${snoozes} not charged` : '',
    losses > 0 ? `${losses} lost with a worker` : '',
  ]
  const said = parts.filter((part) => part !== '').join(', ')
  return said === '' ? '' : ` (${said})`
}

const json = (value: unknown): string => JSON.stringify(value)

function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { name, message } = error as { readonly name?: unknown; readonly message?: unknown }
  return printable(`${String(name ?? 'Error')}: ${String(message ?? '')}`)
}

const MOST_FRAMES = 5

function framesOf(error: unknown): string[] {
  const stack: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'stack') : undefined
  if (typeof stack !== 'string') return []
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line) && !line.includes('node:internal'))
  return frames.slice(0, MOST_FRAMES).map(printable)
}
