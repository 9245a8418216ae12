import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import { formatRate } from '../../base/rate.ts'
import type { LimitChange, LimitInfo, LimitTarget } from '../../limit/limits.ts'
import { type AnyCall, type Call, type Cli, makeCommand, makeGroup } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { durationOf, numberOf } from '../flags.ts'
import { withApp } from '../session.ts'

interface Target {
  readonly task?: string
  readonly queue?: string
  readonly key?: string
}

export function limitsCommand(cli: Cli): Command {
  const text = {
    usage: 'limits',
    summary: 'list limits with what is used of them; set, reset, hold, release',
    details:
      'Piped: name, key, condition, rate, started, concurrency, running, waiting lanes, next start, note; tab-separated.',
    examples: [
      ['celeriac limits', 'what limits grant, and what is used of it'],
      [
        'celeriac limits set --task mail.send --rate 50/m',
        'from now on, in all workers, also after restarts',
      ],
      ['celeriac limits reset --task mail.send', 'what the code says counts again'],
      ['celeriac limits hold openai --for 30m --reason outage', 'nothing that uses it starts meanwhile'],
    ],
  } as const
  const group = makeGroup(makeCommand(cli, text, (call) => list(cli, call)))
  for (const make of [listCommand, setCommand, resetCommand, holdCommand, releaseCommand])
    group.add(make(cli))
  return group.command
}

function listCommand(cli: Cli): Command {
  const text = {
    usage: 'list',
    summary: 'the same as without a word: list limits',
    examples: [['celeriac limits list --json', 'all that is known of them']],
  } as const
  return makeCommand(cli, text, (call) => list(cli, call))
}

async function list(cli: Cli, call: AnyCall): Promise<number> {
  const { output } = call
  const limits = await withApp(cli, call, (app) => app.limits.list())
  if (output.json) {
    output.document(limits)
    return EXIT.done
  }
  output.table(limits, [
    { title: 'LIMIT', cell: ({ name }) => name },
    { title: 'KEY', cell: ({ key }) => key },
    { title: 'IS', cell: ({ condition }) => condition, style: styleOf },
    { title: 'RATE', cell: ({ rate }) => (rate === null ? '' : formatRate(rate)) },
    { title: 'STARTED', cell: ({ rate, started }) => (rate === null ? '' : started) },
    { title: 'CONCURRENCY', cell: ({ concurrency }) => concurrency },
    { title: 'RUNNING', cell: ({ concurrency, running }) => (concurrency === null ? '' : running) },
    { title: 'LANES', cell: ({ waitingLanes }) => waitingLanes },
    { title: 'NEXT START', cell: ({ nextStartAt }) => nextStartAt },
    { title: 'NOTE', cell: noteOf, style: () => 'yellow' },
  ])
  if (limits.length === 0)
    output.note('no limit yet: one is there once a worker has declared it or somebody has set it')
  return EXIT.done
}

const styleOf = ({ condition }: LimitInfo) => (condition === 'open' ? null : 'yellow')

function noteOf({ held, declared, chosen, key }: LimitInfo): string {
  const hold = held === null ? [] : [held.reason === null ? 'held' : `held: ${held.reason}`]
  const choice =
    chosen === null ? [] : [declared === null || key !== null ? 'set' : 'set, instead of what code says']
  return [...hold, ...choice].join('; ')
}

function setCommand(cli: Cli): Command {
  const text = {
    usage: 'set [name]',
    summary: 'change what a limit grants, until it is reset',
    details: 'Workers act on it within a second, and it outlives restarts. 0 or off switches off.',
    examples: [
      ['celeriac limits set --task mail.send --rate 50/m', 'the rate of a task'],
      ['celeriac limits set --queue mail --concurrency 10', 'of a queue'],
      ['celeriac limits set openai --rate 5/s --key acme', 'of one key of a limit'],
      ['celeriac limits set --task mail.send --rate off', 'no rate at all'],
    ],
  } as const
  interface Options extends Target {
    readonly rate?: string
    readonly concurrency?: string
  }
  return withTarget(
    makeCommand<Options>(cli, text, async (call) => {
      const target = targetOf(call)
      const { rate, concurrency, key } = call.options
      const change = {
        ...(rate !== undefined && { rateLimit: isOff(rate) ? null : rate }),
        ...(concurrency !== undefined && {
          concurrency: isOff(concurrency) ? null : numberOf(concurrency),
        }),
      } as LimitChange
      await withApp(cli, call, ({ limits }) => limits.set(target, change, { key: key ?? null }))
      return said(call, { target, outcome: 'set' })
    }),
  )
    .option('--rate <rate>', 'starts per period: 10/s, 100/m, 5/h, 1/d; or off')
    .option('--concurrency <n>', 'jobs at once; or off')
}

function resetCommand(cli: Cli): Command {
  const text = {
    usage: 'reset [name]',
    summary: 'take back what was set: what the code says counts again',
    details: 'Prints reset, or unchanged when nothing had been set; then it exits with 1.',
    examples: [
      ['celeriac limits reset --task mail.send', 'of a task'],
      ['celeriac limits reset openai --key acme', 'of one key'],
    ],
  } as const
  return withTarget(
    makeCommand<Target>(cli, text, async (call) => {
      const target = targetOf(call)
      const { key = null } = call.options
      const changed = await withApp(cli, call, ({ limits }) => limits.reset(target, { key }))
      return said(call, { target, outcome: changed ? 'reset' : 'unchanged' }, changed)
    }),
  )
}

function holdCommand(cli: Cli): Command {
  const text = {
    usage: 'hold [name]',
    summary: 'let nothing start under a limit, or a key of it, until it is released',
    details: 'What runs goes on. A limit with keys is held key by key.',
    examples: [
      ['celeriac limits hold openai --for 30m --reason outage', 'a limit without keys'],
      ['celeriac limits hold openai --key acme', 'one key, until it is released'],
    ],
  } as const
  interface Options extends Target {
    readonly for?: string
    readonly until?: string
    readonly reason?: string
  }
  return withTarget(
    makeCommand<Options>(cli, text, async (call) => {
      const target = targetOf(call)
      const { key, reason, until } = call.options
      if (until !== undefined && call.options.for !== undefined)
        throw new CeleriacError('OPTION_CONFLICT', { option: '--for', other: '--until' })
      const end = until !== undefined ? new Date(until) : call.options.for
      await withApp(cli, call, ({ limits }) =>
        limits.hold(target, {
          ...(key !== undefined && { key }),
          ...(reason !== undefined && { reason }),
          ...(end !== undefined && { until: end instanceof Date ? end : durationOf(end) }),
        }),
      )
      return said(call, { target, outcome: 'held' })
    }),
  )
    .option('--for <duration>', 'release by itself after this long')
    .option('--until <instant>', 'release by itself then')
    .option('--reason <text>', 'why, for people')
}

function releaseCommand(cli: Cli): Command {
  const text = {
    usage: 'release [name]',
    summary: 'end a hold, of one key or of all',
    details: 'Prints released, or unchanged when nothing was held; then it exits with 1.',
    examples: [['celeriac limits release openai', 'all of its keys']],
  } as const
  return withTarget(
    makeCommand<Target>(cli, text, async (call) => {
      const target = targetOf(call)
      const { key = null } = call.options
      const held = await withApp(cli, call, ({ limits }) => limits.release(target, { key }))
      return said(call, { target, outcome: held ? 'released' : 'unchanged' }, held)
    }),
  )
}

function said(
  { output }: AnyCall,
  answer: { readonly target: LimitTarget; readonly outcome: string },
  done = true,
): number {
  if (output.json) output.document(answer)
  else output.line(answer.outcome)
  return done ? EXIT.done : EXIT.failed
}

const isOff = (text: string): boolean => text === '0' || text === 'off'

function withTarget(command: Command): Command {
  return command
    .option('--task <name>', 'the limits of a task')
    .option('--queue <name>', 'the limits of a queue')
    .option('--key <key>', 'one key of the limit')
}

/** @throws {CeleriacError} `CLI_USAGE` unless exactly one limit is named */
function targetOf({ args, options }: Call<Target>): LimitTarget {
  const { task, queue } = options
  const named: LimitTarget[] = [
    ...(typeof args[0] === 'string' ? [args[0]] : []),
    ...(task === undefined ? [] : [{ task }]),
    ...(queue === undefined ? [] : [{ queue }]),
  ]
  const [target] = named
  if (target !== undefined && named.length === 1) return target
  throw new CeleriacError('CLI_USAGE', { problem: 'name one limit: its name, --task or --queue' })
}
