import type { Payload } from '../harness/payload.ts'
import { queryOnce } from '../harness/query.ts'
import {
  type Census,
  type Contender,
  type CopiedTable,
  type OnJob,
  type Producer,
  TASK,
  type Worker,
} from './contender.ts'

// graphile-worker 0.18. Its settings live in a preset; its logger, which by default prints a line per job, is
// silenced in both variants, in its favour. Tuned: the best of a sweep over slots, local queue and batching.
// It deletes a job that succeeded, so no result is kept.

type WorkerOptions = Omit<GraphileConfig.WorkerOptions, 'connectionString'>

const DEFAULT: WorkerOptions = {}
const TUNED: WorkerOptions = {
  concurrentJobs: 24,
  maxPoolSize: 26,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
}

/** Faster still on most runs, at the price of up to 1,000 jobs locked that do not run. The goals name the one above. */
const FURTHER: WorkerOptions = { ...TUNED, concurrentJobs: 50, maxPoolSize: 52, localQueue: { size: 1_000 } }

const JOBS = 'graphile_worker._private_jobs'

const due: CopiedTable = {
  table: JOBS,
  sample: 'locked_at is null',
  columns: { id: 'default' },
}

function variant(
  own: Pick<Contender, 'id' | 'name' | 'variant' | 'expectedRate' | 'bulkChunk' | 'only'>,
  options: WorkerOptions,
): Contender {
  return {
    ...own,
    family: 'graphile',
    store: 'postgres',
    copies: { due, scheduled: { ...due, columns: { ...due.columns, run_at: `now() + interval '1 day'` } } },
    load: () => import('graphile-worker'),
    setUp,
    openProducer: (url) => openProducer(url, options),
    startWorker: (url, onJob) => startWorker(url, onJob, options),
    census,
  }
}

export const graphileDefault = variant(
  {
    id: 'graphile_default',
    name: 'graphile-worker, default',
    variant: 'default',
    expectedRate: 1_700,
    bulkChunk: Number.POSITIVE_INFINITY,
  },
  DEFAULT,
)

export const graphileTuned = variant(
  {
    id: 'graphile_tuned',
    name: 'graphile-worker, tuned',
    variant: 'tuned',
    expectedRate: 35_000,
    bulkChunk: 10_000,
  },
  TUNED,
)

export const graphileFurther = variant(
  {
    id: 'graphile_further',
    name: 'graphile-worker, tuned further',
    variant: 'tuned',
    only: ['P1', 'P12'],
    expectedRate: 45_000,
    bulkChunk: 10_000,
  },
  FURTHER,
)

async function preset(url: string, options: WorkerOptions): Promise<GraphileConfig.Preset> {
  const { Logger } = await import('graphile-worker')
  return { worker: { ...options, connectionString: url, logger: new Logger(() => () => {}) } }
}

async function setUp(url: string): Promise<void> {
  const { runMigrations } = await import('graphile-worker')
  await runMigrations({ preset: await preset(url, {}) })
}

async function openProducer(url: string, options: WorkerOptions): Promise<Producer> {
  const { makeWorkerUtils } = await import('graphile-worker')
  const utils = await makeWorkerUtils({ preset: await preset(url, options) })
  return {
    enqueue: async (payload) => {
      await utils.addJob(TASK, payload)
    },
    enqueueMany: async (payloads) => {
      await utils.addJobs(payloads.map((payload) => ({ identifier: TASK, payload })))
    },
    enqueueIn: async (client, payload) => {
      await client.query('select graphile_worker.add_job($1, payload => $2::json)', [
        TASK,
        JSON.stringify(payload),
      ])
    },
    close: async () => {
      await utils.release()
    },
  }
}

async function startWorker(url: string, onJob: OnJob, options: WorkerOptions): Promise<Worker> {
  const { run } = await import('graphile-worker')
  const runner = await run({
    preset: await preset(url, options),
    noHandleSignals: true,
    taskList: { [TASK]: (job: unknown) => onJob(job as Payload) },
    parsedCronItems: [],
  })
  return { stop: () => runner.stop() }
}

async function census(url: string): Promise<Census> {
  const [row] = await queryOnce(url, `select count(*)::int as unsettled from ${JOBS}`)
  return { unsettled: Number(row?.unsettled), settled: undefined }
}
