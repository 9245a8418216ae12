import type { ConstructorOptions, FlowJob, WorkOptions } from 'pg-boss'
import type { Payload } from '../harness/payload.ts'
import { queryOnce } from '../harness/query.ts'
import {
  type Settings as Asked,
  type Census,
  type Contender,
  type CopiedTable,
  keysOf,
  type OnJob,
  type Producer,
  QUEUE,
  type Shape,
  type Worker,
} from './contender.ts'

// pg-boss 12. By default a worker polls every two seconds for one job. Tuned: NOTIFY, and large arrays of jobs
// in one handler call of two fetching loops, without a pause while they come back full. It keeps what is settled in the same
// table; a batch handler's jobs all keep the same output.

interface Settings {
  readonly boss: ConstructorOptions
  readonly work: WorkOptions
  readonly notify: boolean
}

const DEFAULT: Settings = { boss: {}, work: {}, notify: false }
const TUNED: Settings = {
  boss: { useListenNotify: true, flowIntervalSeconds: 1 },
  work: { batchSize: 5_000, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
  notify: true,
}

const due: CopiedTable = {
  table: 'pgboss.job_common',
  sample: `state = 'created'`,
  columns: { id: 'default' },
}

function variant(
  own: Pick<Contender, 'id' | 'name' | 'variant' | 'expectedRate' | 'bulkChunk'>,
  settings: Settings,
): Contender {
  return {
    ...own,
    family: 'pgboss',
    store: 'postgres',
    copies: {
      due,
      scheduled: { ...due, columns: { ...due.columns, start_after: `now() + interval '1 day'` } },
      settled: { ...due, sample: `state = 'completed'` },
    },
    load: () => import('pg-boss'),
    setUp: (url) => setUp(url, settings),
    openProducer: (url, { limit }) => openProducer(url, settings, limit),
    startWorker: (url, onJob, { limit }) => startWorker(url, onJob, limited(settings, limit)),
    census,
  }
}

export const pgbossDefault = variant(
  {
    id: 'pgboss_default',
    name: 'pg-boss, default',
    variant: 'default',
    expectedRate: 1,
    bulkChunk: Number.POSITIVE_INFINITY,
  },
  DEFAULT,
)

export const pgbossTuned = variant(
  { id: 'pgboss_tuned', name: 'pg-boss, tuned', variant: 'tuned', expectedRate: 45_000, bulkChunk: 10_000 },
  TUNED,
)

async function start(url: string, options: ConstructorOptions) {
  const { PgBoss } = await import('pg-boss')
  const boss = new PgBoss({ ...options, connectionString: url })
  boss.on('error', (error) => console.error(error))
  await boss.start()
  return boss
}

async function setUp(url: string, settings: Settings): Promise<void> {
  const boss = await start(url, settings.boss)
  await boss.createQueue(QUEUE, { notify: settings.notify })
  await boss.stop({ graceful: false })
}

/** Its groups: so many at once for each, counted in the database. */
function limited(settings: Settings, limit: Asked['limit']): Settings {
  return limit === undefined
    ? settings
    : { ...settings, work: { ...settings.work, groupConcurrency: limit.grant } }
}

async function openProducer(url: string, settings: Settings, limit: Asked['limit']): Promise<Producer> {
  const boss = await start(url, settings.boss)
  const nextKey = limit === undefined ? null : keysOf(limit)
  return {
    enqueue: async (payload) => {
      await boss.send(QUEUE, payload)
    },
    enqueueMany: async (payloads) => {
      await boss.insert(
        QUEUE,
        payloads.map((data) => ({ data, ...(nextKey !== null && { group: { id: nextKey() } }) })),
      )
    },
    enqueueIn: async (client, payload) => {
      await boss.send(QUEUE, payload, {
        db: { executeSql: (text: string, values?: unknown[]) => client.query(text, values) },
      })
    },
    startCanvas: async (shape, payload) => {
      await boss.flow(flowOf(shape, payload))
    },
    close: () => boss.stop({ graceful: false }),
  }
}

/** Its flows hand no values on. */
function flowOf(shape: Shape, payload: () => Payload): FlowJob[] {
  const job = (ref: string, dependsOn: string[]): FlowJob => ({
    ref,
    name: QUEUE,
    data: payload(),
    dependsOn,
  })
  const steps = (size: number, chain: number): FlowJob[] =>
    Array.from({ length: size }, (_, step) =>
      job(`${chain}.${step}`, step === 0 ? [] : [`${chain}.${step - 1}`]),
    )
  if (shape.kind === 'chain') return steps(shape.size, 0)
  if (shape.kind === 'chains')
    return Array.from({ length: shape.count }, (_, chain) => steps(shape.size, chain)).flat()
  const members = Array.from({ length: shape.size }, (_, member) => job(String(member), []))
  return [
    ...members,
    job(
      'body',
      members.map(({ ref }) => ref),
    ),
  ]
}

async function startWorker(url: string, onJob: OnJob, settings: Settings): Promise<Worker> {
  const boss = await start(url, settings.boss)
  await boss.work<Payload>(QUEUE, settings.work, async (jobs) => {
    for (const job of jobs) onJob(job.data)
    return 1
  })
  return { stop: () => boss.stop({ graceful: true, timeout: 10_000 }) }
}

async function census(url: string): Promise<Census> {
  const [row] = await queryOnce(
    url,
    `select count(*) filter (where state < 'completed')::int as unsettled,
            count(*) filter (where state = 'completed')::int as settled
       from pgboss.job where name = $1`,
    [QUEUE],
  )
  return { unsettled: Number(row?.unsettled), settled: Number(row?.settled) }
}
