import { formatMs } from '../../base/duration.ts'
import type { DatabaseInput } from '../../db/connection.ts'
import type { Database } from '../../db/database.ts'
import type { ServerHealth } from '../../inspect/health/server.ts'
import { readSettings, type Setting } from '../../inspect/health/settings.ts'
import { identifier } from '../../inspect/health/sql-names.ts'
import { fine, note, type Verdict, wrong } from './finding.ts'

/** A setting that can hurt. */
interface Rule {
  readonly name: string
  readonly hurts: (value: string) => boolean
  /** What it does to celeriac. */
  readonly because: string
  readonly better: string
  /** Whether it can only be changed for the whole server. */
  readonly server?: boolean
  /** Hurts whoever knows nothing of it, yet may be meant. */
  readonly meant?: boolean
}

const is =
  (...values: readonly string[]) =>
  (value: string): boolean =>
    values.includes(value)
const below =
  (ms: number) =>
  (value: string): boolean =>
    Number(value) > 0 && Number(value) < ms

const RULES: readonly Rule[] = [
  {
    name: 'fsync',
    hurts: is('off'),
    because: 'a crash of the machine can destroy the database',
    better: 'on',
    server: true,
  },
  {
    name: 'full_page_writes',
    hurts: is('off'),
    because: 'a crash of the machine can destroy the database',
    better: 'on',
    server: true,
  },
  {
    name: 'synchronous_commit',
    hurts: is('off'),
    because: 'a crash of the server loses what was enqueued and settled in the last moments',
    better: 'on',
    meant: true,
  },
  {
    name: 'default_transaction_isolation',
    hurts: (value) => value !== 'read committed',
    because: 'claims fail where they should skip what others hold',
    better: "'read committed'",
  },
  {
    name: 'default_transaction_read_only',
    hurts: is('on'),
    because: 'nothing can be written',
    better: 'off',
  },
  {
    name: 'statement_timeout',
    hurts: below(5_000),
    because: 'maintenance and large batches are cut off',
    better: "'60s'",
  },
  {
    name: 'lock_timeout',
    hurts: below(1_000),
    because: 'settling gives up where it should wait a moment',
    better: "'10s'",
  },
  {
    name: 'idle_in_transaction_session_timeout',
    hurts: below(5_000),
    because: 'transactions of handlers are cut off',
    better: "'60s'",
  },
  {
    name: 'transaction_timeout',
    hurts: below(5_000),
    because: 'transactions of handlers are cut off',
    better: "'5min'",
  },
  {
    name: 'idle_session_timeout',
    hurts: below(30_000),
    because: 'sessions that listen are ended',
    better: "'1h'",
  },
  {
    name: 'track_activities',
    hurts: is('off'),
    because: 'nobody can tell what a session does',
    better: 'on',
    meant: true,
  },
]

const LOGGING = [
  'log_statement',
  'log_min_duration_statement',
  'log_min_duration_sample',
  'log_duration',
  'log_parameter_max_length',
  'log_parameter_max_length_on_error',
  'auto_explain.log_min_duration',
  'auto_explain.log_parameter_max_length',
] as const

/** Settings that hurt, each with the statement that mends it. */
export async function checkSettings(
  database: Database,
  input: DatabaseInput,
  server: ServerHealth,
): Promise<Verdict[]> {
  const names = [...RULES.map((rule) => rule.name), ...LOGGING]
  const { ours, plain, bans } = await readSettings(database, input, names)
  const verdicts = RULES.flatMap((rule) => ruleVerdict(rule, ours, plain, server) ?? [])
  verdicts.push(...leaks(plain, server))
  for (const ban of bans)
    verdicts.push(
      note(`${ban.name} is off${origin(ban)}: reading may miss its index`, change(ban, 'on', server)),
    )
  return verdicts.length === 0 ? [fine('none that hurts')] : verdicts
}

type Found = ReadonlyMap<string, Setting>

function ruleVerdict(rule: Rule, ours: Found, plain: Found, server: ServerHealth): Verdict | null {
  const [own, other] = [ours.get(rule.name), plain.get(rule.name)]
  const setting = [other, own].find((candidate) => candidate !== undefined && rule.hurts(candidate.value))
  if (own === undefined || setting === undefined) return null
  const message = `${rule.name} is ${shown(setting)}${origin(setting)}: ${rule.because}`
  const fix = rule.server === true ? forServer(rule, setting) : change(setting, rule.better, server)
  if (!rule.hurts(own.value))
    return note(`${message}; not on connections of celeriac's own, yet in a pool of yours`, fix)
  return rule.meant === true ? note(message, fix) : wrong(message, fix)
}

/** Arguments of jobs are parameters of statements: where those are logged, so are they. */
function leaks(found: Found, server: ServerHealth): Verdict[] {
  const value = (name: (typeof LOGGING)[number]): string => found.get(name)?.value ?? ''
  const logged = (name: (typeof LOGGING)[number]): boolean => Number(value(name) || -1) >= 0
  const verdicts: Verdict[] = []
  const tell = (name: (typeof LOGGING)[number], when: string): void => {
    const setting = found.get(name)
    if (setting === undefined) return
    const message = `${name} is ${setting.value}: ${when}, arguments and results of jobs go to the log of the server`
    verdicts.push(note(message, change(setting, '0', server)))
  }
  const statements =
    is('all', 'mod')(value('log_statement')) ||
    logged('log_min_duration_statement') ||
    logged('log_min_duration_sample')
  if (statements && value('log_parameter_max_length') !== '0')
    tell('log_parameter_max_length', 'as statements are logged')
  if (value('log_parameter_max_length_on_error') !== '0')
    tell('log_parameter_max_length_on_error', 'when a statement fails')
  if (logged('auto_explain.log_min_duration') && value('auto_explain.log_parameter_max_length') !== '0')
    tell('auto_explain.log_parameter_max_length', 'as plans are logged')
  return verdicts
}

function shown({ name, value }: Setting): string {
  return name.endsWith('_timeout') ? formatMs(Number(value)) : value
}

function origin({ source }: Setting): string {
  const words: Readonly<Record<string, string>> = {
    user: ' for the role',
    'database user': ' for the role in this database',
    database: ' for the database',
    global: ' for all roles',
    client: ' for this connection',
  }
  return words[source] ?? ''
}

function forServer({ name, better }: Rule, { source }: Setting): string {
  // It wins over every file.
  if (source === 'command line') return `take ${name} out of the command line of the server`
  return `alter system set ${name} = ${better}; select pg_reload_conf()`
}

/** What was set for the role or the database is taken back where it was set; else the role gets a value of its own. */
function change({ name, source }: Setting, better: string, { role, database }: ServerHealth): string {
  switch (source) {
    case 'user':
      return `alter role ${identifier(role)} reset ${name}`
    case 'database':
      return `alter database ${identifier(database)} reset ${name}`
    case 'database user':
      return `alter role ${identifier(role)} in database ${identifier(database)} reset ${name}`
    case 'client':
      return `take ${name} out of the URL or PGOPTIONS`
    default:
      return `alter role ${identifier(role)} set ${name} = ${better}`
  }
}
