import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import type { Celeriac } from '../../../src/index.ts'
import type { HistoryWriter } from '../history/writer.ts'
import { BACKOFF, KIND_OPTIONS, type Kind } from './kinds.ts'
import { SHARED_LIMIT } from './limited.ts'
import { defineNodes } from './nodes.ts'
import { oddValue } from './odd-values.ts'
import { type Broken, CANARY } from './settings.ts'
import { defineTicks } from './ticks.ts'

/** What handlers need of their program. */
export interface Surroundings {
  readonly app: Celeriac
  readonly history: HistoryWriter
  /** Connections that have nothing to do with the app's. */
  readonly pool: pg.Pool
  readonly broken: Broken | null
  /** How many schedules there are. */
  readonly schedules: number
}

/** A job as the handlers see it; what is not promised to users yet is read with care. */
export interface Job {
  readonly id: string
  readonly token: number
  readonly attempt: number
  readonly workerId: string
  readonly signal: AbortSignal
  readonly transaction: Transaction | null
}

type Query = (text: string, values: unknown[]) => Promise<unknown>
type Transaction = (work: (tx: { readonly query: Query }) => Promise<unknown>) => Promise<unknown>
export type Body = (job: Job, parameter: number, surroundings: Surroundings) => unknown

/** Defines every kind of job of the workload. */
export function defineTasks(surroundings: Surroundings): void {
  surroundings.app.limit(SHARED_LIMIT.name, { concurrency: SHARED_LIMIT.concurrency })
  for (const [name, body] of Object.entries(BODIES)) {
    surroundings.app.task(
      name,
      { bind: true, backoff: [...BACKOFF], ...KIND_OPTIONS[name as Kind] },
      (context, mark: string, parameter: number, _secret: string) =>
        recorded(jobOf(context), { name, mark, parameter, body }, surroundings),
    )
  }
  defineNodes(surroundings)
  defineTicks(surroundings, surroundings.schedules)
}

export const sleep = ({ signal }: Job, ms: number): Promise<unknown> => wait(ms, undefined, { signal })

const BODIES: Readonly<Record<Kind, Body>> = {
  short: sleep,
  medium: sleep,
  long: sleep,
  'fail-once': async (job, ms) => {
    await sleep(job, ms)
    if (job.attempt === 1) throw new Error('failed once')
  },
  'fail-always': async (job, ms) => {
    await sleep(job, ms)
    throw new Error('fails always')
  },
  block: (_, ms) => blockFor(ms),
  never: () => new Promise(() => undefined),
  suicide: (job, way) => {
    if (job.attempt === 1) endProcess(way)
  },
  poison: (_, way) => endProcess(way),
  odd: (_, which) => {
    throw oddValue(which)
  },
  effect,
  outside: async (job, ms, { pool }) => {
    await pool.query('insert into outside (job_id, token) values ($1, $2)', [job.id, job.token])
    await sleep(job, ms)
  },
  'limited-one': limited,
  'limited-five': limited,
  'limited-rate': limited,
  'limited-burst': limited,
}

/** Of ten, one is tried again: a retry has to pass the limits like any other start. */
async function limited(job: Job, ms: number): Promise<unknown> {
  await sleep(job, ms)
  if (job.attempt === 1 && ms % 10 === 7) throw new Error('failed once')
  return undefined
}

/** Writes rows in the job's own transaction; they are there once, when the job succeeded, and never otherwise. */
async function effect(job: Job, ms: number, { pool, broken }: Surroundings): Promise<unknown> {
  const write = (query: Query): Promise<unknown> =>
    query('insert into effects (job_id, token) values ($1, $2)', [job.id, job.token])
  if (broken === 'effect-outside') {
    await write((text, values) => pool.query(text, values))
    return sleep(job, 20 * ms)
  }
  if (job.transaction === null) return undefined
  return job.transaction(async (tx) => {
    await write((text, values) => tx.query(text, values))
    await sleep(job, ms)
    return accountOf(job)
  })
}

/** Runs a handler with its beginning and its end on record, whichever end it is. */
export function recorded(
  job: Job,
  { name, mark, parameter, body }: { name: string; mark: string; parameter: number; body: Body },
  surroundings: Surroundings,
): unknown {
  const { history } = surroundings
  history.write({
    e: 'start',
    j: job.id,
    k: job.token,
    a: job.attempt,
    w: job.workerId,
    task: name,
    mark,
  })
  let ended = false
  const end = (out: 'ok' | 'error' | 'aborted'): void => {
    if (ended) return
    ended = true
    history.write({ e: 'end', j: job.id, k: job.token, out })
  }
  // Every handler here gives way at once; also the one that never settles does nothing any more.
  const onAbort = (): void => end('aborted')
  job.signal.addEventListener('abort', onAbort, { once: true })
  const failed = (error: unknown): never => {
    end('error')
    throw error
  }
  const done = (returned: unknown): unknown => {
    end('ok')
    return returned ?? accountOf(job)
  }
  try {
    const returned = body(job, parameter, surroundings)
    return returned instanceof Promise ? returned.then(done, failed) : done(returned)
  } catch (error) {
    return failed(error)
  }
}

/** The value tells which attempt made it, so that a row can be held against its own token. */
export function accountOf(job: Job): { token: number; worker: string; secret: string } {
  return { token: job.token, worker: job.workerId, secret: CANARY }
}

export function jobOf(context: {
  readonly id: string
  readonly attempt: number
  readonly signal: AbortSignal
  readonly worker: { readonly id: string } | null
}): Job {
  const transaction: unknown = Reflect.get(context, 'transaction')
  return {
    id: context.id,
    token: Number(Reflect.get(context, 'token')),
    attempt: context.attempt,
    workerId: context.worker?.id ?? '',
    signal: context.signal,
    transaction: typeof transaction === 'function' ? (transaction.bind(context) as Transaction) : null,
  }
}

function blockFor(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

function endProcess(way: number): void {
  if (way % 2 === 0) process.kill(process.pid, 'SIGKILL')
  process.exit(0)
}
