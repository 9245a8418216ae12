import type { FlowJob, WorkerOptions } from 'bullmq'
import type { Payload } from '../harness/payload.ts'
import {
  type Census,
  type Contender,
  type OnJob,
  type Producer,
  QUEUE,
  type Shape,
  STEP,
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
    startWorker: (url, onJob, { limit }) =>
      startWorker(url, onJob, {
        ...settings,
        ...(limit?.kind === 'rate' && { limiter: { max: limit.grant, duration: 1_000 } }),
      }),
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
  const { FlowProducer, Queue } = await import('bullmq')
  const queue = new Queue<Payload>(QUEUE, { connection: connection(url) })
  const flows = new FlowProducer({ connection: connection(url) })
  await queue.waitUntilReady()
  return {
    enqueue: async (payload) => {
      await queue.add(TASK, payload)
    },
    enqueueMany: async (payloads) => {
      await queue.addBulk(payloads.map((data) => ({ name: TASK, data })))
    },
    startCanvas: async (shape, payload) => {
      await flows.addBulk(flowsOf(shape, payload))
    },
    close: async () => {
      await flows.close()
      await queue.close()
    },
  }
}

/** What waits is the parent here, and what it waits for its children. */
function flowsOf(shape: Shape, payload: () => Payload): FlowJob[] {
  const job = (children: FlowJob[]): FlowJob => ({
    name: children.length === 0 ? TASK : STEP,
    queueName: QUEUE,
    data: payload(),
    ...(children.length > 0 && { children }),
  })
  const steps = (size: number): FlowJob => {
    let last = job([])
    for (let step = 1; step < size; step += 1) last = job([last])
    return last
  }
  if (shape.kind === 'chain') return [steps(shape.size)]
  if (shape.kind === 'chains') return Array.from({ length: shape.count }, () => steps(shape.size))
  return [job(Array.from({ length: shape.size }, () => job([])))]
}

async function startWorker(url: string, onJob: OnJob, settings: Settings): Promise<Worker> {
  const bullmq = await import('bullmq')
  const worker = new bullmq.Worker<Payload>(
    QUEUE,
    async (job) => {
      if (job.name === STEP) await job.getChildrenValues()
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
    const counts = await queue.getJobCounts(
      'wait',
      'active',
      'delayed',
      'prioritized',
      'waiting-children',
      'failed',
      'completed',
    )
    const { completed = 0, ...open } = counts
    return { unsettled: Object.values(open).reduce((sum, count) => sum + count, 0), settled: completed }
  } finally {
    await queue.close()
  }
}
