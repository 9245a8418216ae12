import type pg from 'pg'
import { type Celeriac, group, type JobContext, Signature } from '../../src/index.ts'
import { aborted, gate } from '../support/gate.ts'

/*
 * The tasks of the cases. They are defined alike wherever an app is: in the test, which enqueues, and in the processes
 * that run them. Whatever they do besides returning a value stands in tables (tables.ts).
 */

/** What fails on purpose. */
export class ExpectedError extends Error {
  override readonly name = 'ExpectedError'
}

/** Queues that the workers of a lane claim from. */
export const QUEUES = ['default', 'q', 'z']

/** Of tasks that fail on purpose: at once, and without noise. */
const ON_PURPOSE = { giveUpOn: [ExpectedError], expected: [ExpectedError] }

/** What a node of a random canvas does. */
export interface Script {
  readonly key: string
  readonly fails?: true
  /** Succeeds at this attempt, and asks for another before. */
  readonly attempts?: number
}

/** Two numbers of 32 bits made one: what a node returns says what went into it, in constant size. */
export function digest(key: string, input: unknown): string {
  let hash = 2_166_136_261
  for (const character of `${key} ${JSON.stringify(plain(input)) ?? ''}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 16_777_619)
  }
  return `${key}:${(hash >>> 0).toString(36)}`
}

/** Errors among values, all alike: their texts hold ids. */
function plain(value: unknown): unknown {
  if (value instanceof Error) return 'an error'
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  if ('message' in value && 'name' in value) return 'an error'
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

/** Numbers, also those in lists within lists. */
export type Nested = number | readonly Nested[]

/** Adds up numbers in lists of any depth. */
export const xsum = (list: Nested): number =>
  typeof list === 'number' ? list : list.reduce<number>((sum, item) => sum + xsum(item), 0)

/** Defines the tasks; `pool` is where they write, and where they wait for locks. */
export function defineTasks(app: Celeriac, pool: pg.Pool) {
  app.use(async (job, next) => {
    await pool.query('insert into runs (job_id, attempt, task, pid) values ($1, $2, $3, $4)', [
      job.id,
      job.attempt,
      job.task,
      process.pid,
    ])
    return next()
  })
  const sums = defineSums(app)
  return {
    ...sums,
    ...defineWriters(app, pool),
    ...defineFailures(app),
    ...defineWaiters(app, pool),
    ...defineReplacers(app, pool, sums),
  }
}

/** Values alone. */
function defineSums(app: Celeriac) {
  return {
    add: app.task('add', (x: number, y: number) => x + y),
    addUp: app.task('addUp', ({ x, y, z }: { x: number; y: number; z?: number }) => x + y + (z ?? 0)),
    sub: app.task('sub', (x: number, y: number) => x - y),
    mul: app.task('mul', (x: number, y: number) => x * y),
    ident: app.task('ident', <Value>(x: Value) => x),
    tsum: app.task('tsum', (list: readonly number[]) => list.reduce((sum, item) => sum + item, 0)),
    xsum: app.task('xsum', xsum),
    noop: app.task('noop', () => undefined),
    concat: app.task('concat', (a: readonly unknown[], b: readonly unknown[]) => [...a, ...b]),
    info: app.task('info', { bind: true }, (job, ..._rest: unknown[]) => ({
      id: job.id,
      rootId: job.rootId,
      parentId: job.parentId,
      queue: job.queue,
      priority: job.priority,
      labels: job.labels,
      attempt: job.attempt,
    })),
    step: app.task('step', { ...ON_PURPOSE, bind: true, backoff: [0] }, (job, ...args: unknown[]) => {
      const script = args.at(-1) as Script
      if (script.fails === true) throw new ExpectedError(script.key)
      if (job.attempt < (script.attempts ?? 1)) job.retry({ in: 0 })
      return digest(script.key, args.slice(0, -1))
    }),
  }
}

/** What writes something down. */
function defineWriters(app: Celeriac, pool: pg.Pool) {
  return {
    count: app.task('count', async (key: string) => {
      await pool.query(
        'insert into counters values ($1, 1) on conflict (key) do update set n = counters.n + 1',
        [key],
      )
    }),
    echo: app.task('echo', async (key: string, message: unknown) => {
      await pool.query('insert into echoes (key, message) values ($1, $2)', [key, String(message)])
      return message
    }),
    /** Fails until something was counted under this key. */
    needs: app.task('needs', ON_PURPOSE, async (...args: unknown[]) => {
      const { rowCount } = await pool.query('select from counters where key = $1', [args.at(-1)])
      if (rowCount === 0) throw new ExpectedError('not yet')
      return args[0]
    }),
    errLog: app.task('errLog', { bind: true }, async (job, ...args: unknown[]) => {
      const [failure, ...own] = isFailure(args[0]) ? args : [{}, ...args]
      await pool.query('insert into calls (job_id, failure, own) values ($1, $2, $3)', [
        job.id,
        JSON.stringify(failure),
        JSON.stringify(own),
      ])
    }),
  }
}

function isFailure(arg: unknown): boolean {
  return typeof arg === 'object' && arg !== null && 'error' in arg && 'jobId' in arg
}

/** What fails, or needs several attempts. */
function defineFailures(app: Celeriac) {
  return {
    fail: app.task('fail', ON_PURPOSE, (...args: unknown[]): number => {
      throw new ExpectedError(typeof args.at(-1) === 'string' ? (args.at(-1) as string) : 'it fails')
    }),
    boom: app.task('boom', { maxAttempts: 1 }, (..._args: unknown[]): void => {
      throw new Error('boom')
    }),
    retryN: app.task('retryN', { bind: true, backoff: [0] }, (job, ...args: unknown[]): number => {
      const attempts = args.at(-1) as number
      if (job.attempt < attempts) job.retry({ in: 0 })
      return attempts
    }),
    discard: app.task('discard', { bind: true }, (job, ..._args: unknown[]): number => job.discard('no use')),
    snoozeOnce: app.task('snoozeOnce', { bind: true }, (job, x: number): number =>
      job.attempt === 1 ? job.snooze(0) : x,
    ),
    unencodable: app.task(
      'unencodable',
      (..._args: unknown[]): unknown =>
        () =>
          undefined,
    ),
  }
}

/** What takes its time. */
function defineWaiters(app: Celeriac, pool: pg.Pool) {
  return {
    sleep: app.task('sleep', { bind: true }, async (job, ms: number, value: number) => {
      await pause(job, ms)
      return value
    }),
    sleepFail: app.task(
      'sleepFail',
      { ...ON_PURPOSE, bind: true },
      async (job, ms: number): Promise<number> => {
        await pause(job, ms)
        throw new ExpectedError('it fails late')
      },
    ),
    /** Goes on, with its first argument, once nobody else holds an advisory lock with this number. */
    hold: app.task('hold', { bind: true }, async (job, ...args: readonly [...unknown[], number]) => {
      await passLock(job, pool, args.at(-1) as number)
      return args[0] as number
    }),
  }
}

/** What becomes another canvas, or starts one. Canvases come as JSON, what comes before goes in front of their args. */
function defineReplacers(app: Celeriac, pool: pg.Pool, { add, concat }: ReturnType<typeof defineSums>) {
  const read = (args: readonly unknown[]): Signature<[], unknown> => {
    const canvas = Signature.from(args.at(-1), app)
    return canvas.clone(...args.slice(0, -1))
  }
  return {
    replaceWith: app.task('replaceWith', { bind: true }, (job, ...args: unknown[]): unknown =>
      job.replace(read(args)),
    ),
    addReplaced: app.task('addReplaced', { bind: true }, (job, x: number, y: number): number =>
      job.replace(add.s(x, y)),
    ),
    addToAll: app.task('addToAll', { bind: true }, (job, numbers: readonly number[], x: number): number[] =>
      job.replace(group(numbers.map((number) => add.s(number, x)))),
    ),
    concatAll: app.task(
      'concatAll',
      { bind: true },
      (job, lists: readonly unknown[][], list: unknown[]): unknown[] =>
        job.replace(group(lists.map((one) => concat.s(one, list)))),
    ),
    replaceHeld: app.task(
      'replaceHeld',
      { bind: true },
      async (job, x: number, canvas: unknown, lock: number) => {
        await passLock(job, pool, lock)
        return job.replace(read([x, canvas]))
      },
    ),
    replaceForever: app.task(
      'replaceForever',
      { bind: true, maxAttempts: 1 },
      (job, depth: number): unknown =>
        job.replace(Signature.from({ kind: 'task', task: 'replaceForever', args: [depth + 1] }, app)),
    ),
    spawn: app.task(
      'spawn',
      { bind: true },
      async (job, ...args: unknown[]) => (await job.enqueueChild(read(args))).id,
    ),
    spawnAll: app.task('spawnAll', { bind: true }, async (job, canvases: readonly unknown[]) => {
      const ids: string[] = []
      for (const canvas of canvases) ids.push((await job.enqueueChild(read([canvas]))).id)
      return ids
    }),
    addToChord: app.task('addToChord', { bind: true }, (job, canvases: readonly unknown[], value: number) => {
      for (const canvas of canvases) job.addToChord(Signature.from(canvas, app))
      return value
    }),
  }
}

async function pause({ signal }: JobContext, ms: number): Promise<void> {
  const timer = gate()
  const running = setTimeout(timer.open, ms)
  const told = aborted(signal).then((reason) => Promise.reject(reason))
  await Promise.race([timer, told]).finally(() => clearTimeout(running))
}

async function passLock({ signal }: JobContext, pool: pg.Pool, lock: number): Promise<void> {
  const client = await pool.connect()
  const told = aborted(signal).then((reason) => Promise.reject(reason))
  const passed = client.query('select pg_advisory_lock_shared($1), pg_advisory_unlock_shared($1)', [lock])
  try {
    await Promise.race([passed, told])
    client.release()
  } catch (error) {
    passed.catch(() => undefined)
    client.release(true)
    throw error
  }
}

export type Tasks = ReturnType<typeof defineTasks>
