import type pg from 'pg'
import type { Logger } from 'pino'
import { type Duration, toMs } from './base/duration.ts'
import { CeleriacError } from './base/errors.ts'
import type { Codec } from './base/json.ts'
import { assertSchemaName } from './base/names.ts'
import { allAtOnce, flag, integer, oneOf, refuseUnknown, text } from './base/options.ts'
import { preview } from './base/text.ts'
import { type DatabaseInput, isPool } from './db/connection.ts'
import {
  QUEUE_SETTINGS,
  type QueueSettings,
  type ResolvedQueueSettings,
  resolveQueueSettings,
} from './queue/options.ts'

/** Options of an app. */
export interface CeleriacOptions extends QueueSettings {
  /**
   * Where the database is: a URL, a `pg.Pool` of yours, the settings of one, or `'embedded'` for a real PostgreSQL
   * in the project's `.celeriac` folder (development only).
   */
  readonly database: string | pg.Pool | pg.PoolConfig
  /** Schema that holds the tables. @defaultValue 'celeriac' */
  readonly schema?: string
  /** Connections of the pool, when it is ours to make. From 2 to 1,000. @defaultValue 10 */
  readonly maxConnections?: number
  /** A pino logger, or the level of one of our own. @defaultValue 'info' */
  readonly log?: Logger | 'silent' | 'error' | 'warn' | 'info' | 'debug'
  /** Uses LISTEN and NOTIFY; without them workers and handles look more often. @defaultValue true */
  readonly listen?: boolean
  /**
   * Watches over workers in a thread of its own, so that a handler that blocks the event loop looks busy, not dead;
   * false does so on the main loop. @defaultValue true
   */
  readonly guard?: boolean
  /**
   * A URL that goes past a transaction pooler such as PgBouncer: workers need lasting sessions, three for each process,
   * to be woken at once and to be missed at once. Without one they look for work every 500 ms and are missed after 15 s.
   */
  readonly directUrl?: string
  /** Turns args and results into JSON and back in another way than tags. */
  readonly codec?: Codec
  /** How long results are kept, counted in whole days (UTC); `'forever'` keeps all. @defaultValue '7d' */
  readonly retention?: Duration | 'forever'
  /** Limit of the args of one job as JSON, in bytes. @defaultValue 1048576 */
  readonly maxArgsBytes?: number
  /** Limit of the result of one job as JSON, in bytes. @defaultValue 1048576 */
  readonly maxResultBytes?: number
}

export const CELERIAC_DEFAULTS = {
  schema: 'celeriac',
  maxConnections: 10,
  log: 'info',
  listen: true,
  guard: true,
  retention: '7d',
  maxArgsBytes: 1_048_576,
  maxResultBytes: 1_048_576,
} as const satisfies Omit<CeleriacOptions, 'database' | keyof QueueSettings>

/** Options of an app, read and checked. */
export interface ResolvedCeleriacOptions {
  readonly queueSettings: ResolvedQueueSettings
  readonly database: DatabaseInput
  readonly schema: string
  readonly maxConnections: number
  readonly log: Logger | (typeof LEVELS)[number]
  readonly listen: boolean
  readonly guard: boolean
  readonly directUrl: string | null
  readonly codec: Codec | undefined
  readonly retentionMs: number | null
  readonly maxArgsBytes: number
  readonly maxResultBytes: number
}

const LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
const MOST_BYTES = 200 * 1_048_576

/** @throws {CeleriacError} `OPTION_…` or `SCHEMA_NAME_INVALID`, all problems at once. */
export function resolveCeleriacOptions(options: CeleriacOptions): ResolvedCeleriacOptions {
  return allAtOnce((check) => {
    check(
      () =>
        refuseUnknown(
          options,
          [...Object.keys(CELERIAC_DEFAULTS), ...QUEUE_SETTINGS, 'database', 'codec', 'directUrl'],
          'app',
        ),
      undefined,
    )
    const { retention = CELERIAC_DEFAULTS.retention, log = CELERIAC_DEFAULTS.log } = options
    return {
      queueSettings: resolveQueueSettings(options, check),
      database: check(() => readDatabase(options.database), ''),
      schema: check(() => assertSchemaName(options.schema ?? CELERIAC_DEFAULTS.schema), ''),
      maxConnections: check(
        () => integer(options.maxConnections ?? CELERIAC_DEFAULTS.maxConnections, 'maxConnections', 2, 1_000),
        2,
      ),
      log: typeof log === 'object' ? log : check(() => oneOf(log, 'log', LEVELS), 'info'),
      listen: check(() => flag(options.listen ?? CELERIAC_DEFAULTS.listen, 'listen'), true),
      guard: check(() => flag(options.guard ?? CELERIAC_DEFAULTS.guard, 'guard'), true),
      directUrl: check(
        () => (options.directUrl === undefined ? null : text(options.directUrl, 'directUrl', 2_000)),
        null,
      ),
      codec: check(() => readCodec(options.codec), undefined),
      retentionMs: check(() => (retention === 'forever' ? null : toMs(retention, 'retention')), null),
      maxArgsBytes: check(
        () => integer(options.maxArgsBytes ?? CELERIAC_DEFAULTS.maxArgsBytes, 'maxArgsBytes', 1, MOST_BYTES),
        1,
      ),
      maxResultBytes: check(
        () =>
          integer(
            options.maxResultBytes ?? CELERIAC_DEFAULTS.maxResultBytes,
            'maxResultBytes',
            1,
            MOST_BYTES,
          ),
        1,
      ),
    }
  })
}

function readDatabase(database: unknown): DatabaseInput {
  if (typeof database === 'string' && database !== '') return database
  if (isPool(database)) return database
  if (typeof database === 'object' && database !== null) return database
  const hint = 'pass a URL (set DATABASE_URL?), a pg.Pool, its settings, or "embedded"'
  throw new CeleriacError('OPTION_INVALID', {
    option: 'database',
    problem: `is ${preview(database)}; ${hint}`,
  })
}

function readCodec(codec: unknown): Codec | undefined {
  if (codec === undefined) return undefined
  const fits = typeof codec === 'object' && codec !== null && 'encode' in codec && 'decode' in codec
  if (fits && typeof codec.encode === 'function' && typeof codec.decode === 'function') return codec as Codec
  throw new CeleriacError('OPTION_INVALID', {
    option: 'codec',
    problem: 'must have the methods encode and decode',
  })
}
