import type { WorkerOptions } from 'bullmq'
import type { Payload } from '../harness/payload.ts'
import {
  type Census,
  type Contender,
  type OnJob,
  type Producer,
  QUEUE,
  TASK,
  type Worker,
} from './contender.ts'

// BullMQ 6 on a Redis that writes nothing to disk: the fastest it can be. Completed jobs are kept, as its
// defaults do. Tuned: the best concurrency of a sweep; locks are not renewed, since nothing runs that long.

type Settings = Omit<WorkerOptions, 'connection'>

const DEFAULT: Settings = {}
const TUNED: Settings = { concurrency: 150, skipLockRenewal: true, skipStalledCheck: true }

function variant(
  own: Pick<Contender, 'id' | 'name' | 'variant' | 'expectedRate' | 'bulkChunk'>,
  settings: Settings,
): Contender {
  return {
    ...own,
    family: 'bullmq',
    store: 'redis',
    load: () => import('bullmq'),
    setUp: async () => {},
    openProducer,
    startWorker: (url, onJob) => startWorker(url, onJob, settings),
    census,
  }
}

export const bullmqDefault = variant(
  {
    id: 'bullmq_default',
    name: 'BullMQ on Redis, default',
    variant: 'default',
    expectedRate: 6_000,
    bulkChunk: Number.POSITIVE_INFINITY,
  },
  DEFAULT,
)

export const bullmqTuned = variant(
  {
    id: 'bullmq_tuned',
    name: 'BullMQ on Redis, tuned',
    variant: 'tuned',
    expectedRate: 25_000,
    bulkChunk: 1_000,
  },
  TUNED,
)

function connection(url: string) {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null }
}

async function openProducer(url: string): Promise<Producer> {
  const { Queue } = await import('bullmq')
  const queue = new Queue<Payload>(QUEUE, { connection: connection(url) })
  await queue.waitUntilReady()
  return {
    enqueue: async (payload) => {
      await queue.add(TASK, payload)
    },
    enqueueMany: async (payloads) => {
      await queue.addBulk(payloads.map((data) => ({ name: TASK, data })))
    },
    close: () => queue.close(),
  }
}

async function startWorker(url: string, onJob: OnJob, settings: Settings): Promise<Worker> {
  const bullmq = await import('bullmq')
  const worker = new bullmq.Worker<Payload>(
    QUEUE,
    async (job) => {
      onJob(job.data)
      return 1
    },
    { ...settings, connection: connection(url) },
  )
  worker.on('error', (error) => console.error(error))
  await worker.waitUntilReady()
  return { stop: () => worker.close() }
}

async function census(url: string): Promise<Census> {
  const { Queue } = await import('bullmq')
  const queue = new Queue(QUEUE, { connection: connection(url) })
  try {
    const counts = await queue.getJobCounts('wait', 'active', 'delayed', 'prioritized', 'failed', 'completed')
    const { completed = 0, ...open } = counts
    return { unsettled: Object.values(open).reduce((sum, count) => sum + count, 0), settled: completed }
  } finally {
    await queue.close()
  }
}
