import type { Payload } from '../harness/payload.ts'
import { queryOnce } from '../harness/query.ts'
import {
  type Census,
  type Contender,
  type CopiedTable,
  keysOf,
  type OnJob,
  type Producer,
  type Settings,
  type Shape,
  STEP,
  TASK,
  type Worker,
} from './contender.ts'

// celeriac at its defaults, results kept: nothing is tuned here, ever.

const due: CopiedTable = {
  table: 'celeriac.jobs',
  sample: 'worker_id is null',
  columns: { id: 'celeriac.new_id()' },
}

export const celeriac: Contender = {
  id: 'celeriac',
  name: 'celeriac, default',
  family: 'celeriac',
  variant: 'default',
  store: 'postgres',
  expectedRate: 80_000,
  copies: {
    due,
    scheduled: { ...due, columns: { ...due.columns, run_at: `now() + interval '1 day'` } },
    settled: { ...due, table: 'celeriac.results', sample: `state = 'succeeded'` },
  },
  bulkChunk: Number.POSITIVE_INFINITY,
  load: () => import('../../src/index.ts'),
  setUp: async (url) => {
    const { app } = await open(url, () => undefined, {})
    await app.migrate()
    await app.stop()
  },
  openProducer: async (url, settings) => producerOf(await open(url, () => undefined, settings)),
  startWorker: async (url, onJob, settings) => workerOf(await open(url, onJob, settings), settings),
  openTogether: async (url, onJob) => {
    const opened = await open(url, onJob, {})
    return { producer: producerOf(opened), worker: await workerOf(opened, {}) }
  },
  census,
}

type Opened = Awaited<ReturnType<typeof open>>

async function open(url: string, onJob: OnJob, settings: Settings) {
  const { Celeriac, chain, chord, group } = await import('../../src/index.ts')
  const app = new Celeriac({
    database: url,
    ...(settings.wakeUp === undefined ? {} : { listen: settings.wakeUp }),
  })
  const run = (payload: Payload) => {
    const goesOn = onJob(payload)
    return goesOn === undefined ? 1 : goesOn.then(() => 1)
  }
  const { limit } = settings
  const noop = app.task(TASK, limitOf(settings), (payload: Payload, _key?: string) => run(payload))
  const nextKey = limit === undefined || limit.keys === 1 ? null : keysOf(limit)
  const argsOf = (payload: Payload): [Payload, string?] =>
    nextKey === null ? [payload] : [payload, nextKey()]
  const step = app.task(STEP, (_before: unknown, payload: Payload) => {
    onJob(payload)
    return 1
  })
  const steps = (size: number, payload: () => Payload) =>
    chain([noop.s(payload()), ...Array.from({ length: size - 1 }, () => step.s(payload()))])
  const canvasOf = (shape: Shape, payload: () => Payload) => {
    if (shape.kind === 'chain') return steps(shape.size, payload)
    if (shape.kind === 'chains')
      return group(Array.from({ length: shape.count }, () => steps(shape.size, payload)))
    const members = Array.from({ length: shape.size }, () => noop.s(payload()))
    return chord(members, step.s(payload()))
  }
  return { app, noop, argsOf, canvasOf }
}

function limitOf({ limit }: Settings) {
  if (limit === undefined) return {}
  const { kind, grant, keys } = limit
  const key = keys === 1 ? {} : { key: (_payload: Payload, of?: string) => of ?? null }
  return kind === 'slots'
    ? { concurrency: { limit: grant, ...key } }
    : { rateLimit: { limit: grant, per: '1s' as const, ...key } }
}

function producerOf({ app, noop, argsOf, canvasOf }: Opened): Producer {
  return {
    enqueue: async (payload) => {
      await noop.enqueue(...argsOf(payload))
    },
    enqueueMany: async (payloads) => {
      await noop.enqueueMany(payloads.map(argsOf))
    },
    enqueueIn: async (client, payload) => {
      await noop.with({ tx: client }).enqueue(payload)
    },
    startCanvas: async (shape, payload) => {
      await canvasOf(shape, payload).enqueue()
    },
    close: () => app.stop(),
  }
}

async function workerOf({ app }: Opened, settings: Settings): Promise<Worker> {
  // A process that enqueues sends a NOTIFY every 5 ms at most: looking that often is the same work without it.
  const worker = app.worker(settings.wakeUp === false ? { deafPollInterval: '5ms' } : {})
  await worker.start()
  return {
    stop: async () => {
      await worker.stop()
      await app.stop()
    },
  }
}

async function census(url: string): Promise<Census> {
  const [row] = await queryOnce(
    url,
    `select (select count(*) from celeriac.jobs)::int as unsettled,
            (select count(*) from celeriac.results where state = 'succeeded' and task = any ($1))::int as settled`,
    // A group is a row, too, but no job.
    [[TASK, STEP]],
  )
  return { unsettled: Number(row?.unsettled), settled: Number(row?.settled) }
}
