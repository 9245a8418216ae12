import pg from 'pg'
import { APPLICATION_NAME, withoutStream } from './connection.ts'
import { sqlStateOf } from './fault.ts'

/** Limits of the statements of a session, in ms; 0 is none. */
export interface SessionLimits {
  /** The server ends a statement that takes longer. */
  readonly statementMs: number
  /** The server ends a statement that waits longer for a lock. */
  readonly lockMs: number
  /** The server ends a session that does nothing in a transaction for longer. */
  readonly idleInTransactionMs: number
  /** We end a connection that does not answer a statement for longer. */
  readonly answerMs: number
}

/** What a session of ours is for. */
export interface SessionPurpose {
  /** Seen in `pg_stat_activity` after `celeriac:`. */
  readonly role: string
  /** Instead of those that fit the role. */
  readonly limits?: Partial<SessionLimits> | undefined
}

const CONNECT_MS = 5_000
/** What an answer may take beyond the limit of the server. */
const ANSWER_MS = 2_000

const LIMITS: Readonly<Record<string, Omit<SessionLimits, 'answerMs'>>> = {
  // Users' code runs in it, inside transactions: how long it thinks is its own affair.
  pool: { statementMs: 30_000, lockMs: 0, idleInTransactionMs: 0 },
  // Settling waits for nobody: what is held by others is set aside and tried again.
  work: { statementMs: 15_000, lockMs: 500, idleInTransactionMs: 10_000 },
  // A migration may have to rewrite a table, and says itself how long it waits for one.
  migrate: { statementMs: 0, lockMs: 0, idleInTransactionMs: 0 },
}
const OTHER_LIMITS = { statementMs: 30_000, lockMs: 1_000, idleInTransactionMs: 10_000 }

/**
 * What an administrator may have set otherwise for a role or a database, and our statements rely on. All of it may be
 * set by anybody, in every version we run on. What users' code in a transaction or a trigger may want as they set it,
 * such as the search path or the time zone, is left alone: our statements do not depend on it.
 */
const RELIED_ON = [
  'default_transaction_isolation=read\\ committed',
  'default_transaction_read_only=off',
  'standard_conforming_strings=on',
  'array_nulls=on',
  'transform_null_equals=off',
  'row_security=on',
  'extra_float_digits=1',
  'idle_session_timeout=0',
  'DateStyle=ISO',
  'IntervalStyle=postgres',
]

/**
 * A client that vanishes with its host or its network says nothing. The server would keep its session for hours, with
 * whatever locks a transaction of it holds; so it is asked every few seconds.
 */
const NOTICED_WHEN_GONE = [
  'tcp_keepalives_idle=5',
  'tcp_keepalives_interval=2',
  'tcp_keepalives_count=3',
  'tcp_user_timeout=10000',
]

/** The limits of a role's statements. */
export function limitsOf({ role, limits }: SessionPurpose): SessionLimits {
  const resolved = { ...(LIMITS[role] ?? OTHER_LIMITS), ...limits }
  return { answerMs: resolved.statementMs === 0 ? 0 : resolved.statementMs + ANSWER_MS, ...resolved }
}

/** The parts of a driver's client that its types do not show. */
interface Resolved {
  readonly connectionParameters: Pick<
    pg.ClientConfig,
    'options' | 'ssl' | 'sslnegotiation' | 'client_encoding' | 'statement_timeout' | 'lock_timeout'
  > &
    Pick<pg.ClientConfig, 'idle_in_transaction_session_timeout' | 'query_timeout'>
}

/**
 * The settings every connection of ours gets: it is recognised in `pg_stat_activity`, dead peers are noticed, nothing
 * waits for ever, and whatever an administrator has set for the role our statements mean what they say. Settings that
 * the user gave with the connection win.
 */
export function sessionConfig(config: pg.PoolConfig, purpose: SessionPurpose): pg.ClientConfig {
  // Read by the driver itself, since a URL may hold any of them; a URL that stayed would win over us, too.
  const client = new pg.Client(withoutStream(config))
  const { connectionString: _, ...rest } = config
  const { user, host, port, database, password } = client
  const { connectionParameters: given } = client as unknown as Resolved
  const place: pg.ClientConfig = {
    ...rest,
    application_name: `${APPLICATION_NAME}:${purpose.role}`,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: config.connectionTimeoutMillis ?? CONNECT_MS,
    user,
    host,
    port,
    database,
    password: (password as typeof config.password) ?? undefined,
    ssl: given.ssl,
    sslnegotiation: given.sslnegotiation,
    client_encoding: given.client_encoding || undefined,
    statement_timeout: given.statement_timeout || undefined,
    lock_timeout: given.lock_timeout || undefined,
    idle_in_transaction_session_timeout: given.idle_in_transaction_session_timeout || undefined,
    query_timeout: given.query_timeout || undefined,
  }
  const ours = plain.has(placeOf(place)) ? '' : settingsOf(purpose)
  return {
    ...place,
    options: [ours, given.options ?? ''].filter((text) => text !== '').join(' ') || undefined,
  }
}

/** Servers, or what stands before them, that take no settings when a session begins. */
const plain = new Set<string>()

/**
 * Whether a connection failed because of our settings: poolers take none, or few. Settings that are made for the same
 * place afterwards go without, so it is worth trying again.
 */
export function settingsRefused(config: pg.ClientConfig, error: unknown): boolean {
  if (!hasOurSettings(config) || !(error instanceof Error)) return false
  const state = sqlStateOf(error)
  const refused =
    ((state === '08P01' || state === '0A000') && /option|startup parameter/i.test(error.message)) ||
    (state === '42704' && error.message.includes('configuration parameter')) ||
    (state === '42501' && error.message.includes('set parameter'))
  if (refused) plain.add(placeOf(config))
  return refused
}

/** Whether settings of a connection hold ours beside those of the user. */
export function hasOurSettings({ options }: pg.ClientConfig): boolean {
  return options?.includes(`-c ${RELIED_ON[0]}`) === true
}

function placeOf({ host, port }: pg.ClientConfig): string {
  return `${host}:${port}`
}

/** Later ones win, so these come before those of the user. */
function settingsOf(purpose: SessionPurpose): string {
  const { statementMs, lockMs, idleInTransactionMs } = limitsOf(purpose)
  const settings = [
    ...RELIED_ON,
    ...NOTICED_WHEN_GONE,
    `statement_timeout=${statementMs}`,
    `lock_timeout=${lockMs}`,
    `idle_in_transaction_session_timeout=${idleInTransactionMs}`,
  ]
  return settings.map((setting) => `-c ${setting}`).join(' ')
}
