import { PassThrough } from 'node:stream'
import pg from 'pg'
import { pino } from 'pino'
import { afterEach, onTestFinished, vi } from 'vitest'
import type { EventName, Events } from '../../src/event/events.ts'
import { Celeriac, type CeleriacOptions, type Worker, type WorkerOptions } from '../../src/index.ts'
import type { TestDatabase } from './postgres.ts'

export { aborted, type Gate, gate } from './gate.ts'

/** What makes the apps of a test file; they are stopped after each test. */
export interface Apps {
  /** An app on the file's database, silent unless told otherwise. */
  app(options?: Partial<CeleriacOptions>): Celeriac
  /** A started worker that does not wait for handlers a failed test left behind. */
  worker(app: Celeriac, options?: WorkerOptions): Promise<Worker>
  /** An app whose statements are counted. */
  counted(options?: Partial<CeleriacOptions>): { app: Celeriac; statements: string[] }
}

/** Makes apps for the tests of a file. */
export function useApps(database: TestDatabase): Apps {
  const made: AsyncDisposable[] = []
  afterEach(async () => {
    for (const one of made.splice(0).reverse()) await one[Symbol.asyncDispose]()
  })
  const app = (options: Partial<CeleriacOptions> = {}): Celeriac => {
    const celeriac = new Celeriac({ database: database.url, log: 'silent', ...options })
    made.push(celeriac)
    return celeriac
  }
  return {
    app,
    worker: async (celeriac, options = {}) => {
      const worker = celeriac.worker({ stopTimeout: 0, abortGrace: '100ms', ...options })
      await worker.start()
      return worker
    },
    counted: (options = {}) => {
      const pool = new pg.Pool({ connectionString: database.url, max: 10 })
      made.push({ [Symbol.asyncDispose]: () => pool.end() })
      const statements: string[] = []
      pool.on('connect', (client) => {
        const query = client.query.bind(client) as (statement: unknown) => Promise<pg.QueryResult>
        Object.assign(client, {
          query: (statement: { readonly text: string }) => {
            statements.push(statement.text)
            return query(statement)
          },
        })
      })
      return { app: app({ database: pool, ...options }), statements }
    },
  }
}

/** Texts of the statements that this process sends from now on until the end of the test, over whichever connection. */
export function recordStatements(): string[] {
  const statements: string[] = []
  const { query } = pg.Client.prototype
  const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...args: unknown[]
  ) {
    const [statement] = args
    statements.push(typeof statement === 'string' ? statement : (statement as { text: string }).text)
    return Reflect.apply(query, this, args)
  } as never)
  onTestFinished(() => spy.mockRestore())
  return statements
}

/** The next event of a kind that fits. */
export function nextEvent<Name extends EventName>(
  app: Celeriac,
  name: Name,
  fits: (event: Events[Name]) => boolean = () => true,
): Promise<Events[Name]> {
  return new Promise((resolve) => {
    const off = app.on(name, (event) => {
      if (!fits(event)) return
      off()
      resolve(event)
    })
  })
}

/** Collects events of a kind. */
export function eventsOf<Name extends EventName>(app: Celeriac, name: Name): Events[Name][] {
  const events: Events[Name][] = []
  app.on(name, (event) => events.push(event))
  return events
}

/** A pino logger and the lines it has written so far. */
export function capturedLog(level = 'info'): {
  log: pino.Logger
  lines: Record<string, unknown>[]
} {
  const lines: Record<string, unknown>[] = []
  const stream = new PassThrough()
  stream.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n')) if (line !== '') lines.push(JSON.parse(line))
  })
  return { log: pino({ level, base: null }, stream), lines }
}

/** What a promise is refused with, as users see it. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<{ name: string; code: unknown; message: string }> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { name: error.name, code: 'code' in error ? error.code : undefined, message: error.message }
  }
  throw new Error('it was not refused')
}

/** Holds the row of a job, as any other transaction may, while `work` goes on. */
export async function whileLocked<Result>(
  database: TestDatabase,
  jobId: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const client = await database.pool.connect()
  try {
    await client.query('begin')
    await client.query('select from celeriac.jobs where id = $1 for update', [jobId])
    return await work()
  } finally {
    await client.query('rollback')
    client.release()
  }
}

/** Process ids of sessions that wait for a lock in a statement like this. */
export async function blocked(database: TestDatabase, like: string): Promise<number[]> {
  const rows = await database.query<{ pid: number }>(
    `select pid from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
    [like],
  )
  return rows.map((row) => row.pid)
}
