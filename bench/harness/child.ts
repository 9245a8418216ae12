/*
 * One process of a measurement: the producer or the worker of one contender. It is the same for all of them; what
 * differs stands in contenders/. Handlers only count, so that what is measured is the queue.
 */
import { flushCompileCache } from 'node:module'
import type { Client } from 'pg'
import { contenderOf } from '../contenders/all.ts'
import { jobsIn, type Producer, type Worker } from '../contenders/contender.ts'
import { now, pause } from './clock.ts'
import type { ChildMessage, OrderMessage, OrderName, Orders, Throughput } from './orders.ts'
import { type Payload, payload, payloads } from './payload.ts'
import { connect } from './query.ts'

const COUNT_EVERY_MS = 20

// performance.now() costs a fifth of a bigint clock, but counts from the start of each process.
const CLOCK_OFFSET = now() - performance.now()

const contender = contenderOf(process.argv[2] ?? '')
let producer: Producer | undefined
let worker: Worker | undefined
let count = 0
let firstAt = 0
let lastAt = 0
let markCount = Number.POSITIVE_INFINITY
let markAt = Number.NaN
let reporting = false
const held: (() => void)[] = []
let cpuBefore = process.cpuUsage()
let producing: Promise<number> | undefined
let done = 0
let stopped = false

type Handlers = {
  [K in OrderName]: (argument: Orders[K]['argument']) => Promise<Orders[K]['answer']>
}

const handlers: Handlers = {
  load: async () => {
    await begin()
    return null
  },
  openProducer: async ({ url, settings }) => {
    await begin()
    producer = await contender.openProducer(url, settings)
    return null
  },
  openWorker: async ({ url, settings, reportEach, hold, mark }) => {
    await begin()
    markCount = mark ?? markCount
    worker = await contender.startWorker(url, hold ? holdJob : reportEach ? reportJob : countJob, settings)
    return null
  },
  openTogether: async ({ url }) => {
    if (!contender.openTogether) throw new Error('has no producer and worker in one process')
    await begin()
    const both = await contender.openTogether(url, reportJob)
    producer = both.producer
    worker = both.worker
    return null
  },
  fill: async ({ count: wanted, chunk, parallel = 1 }) => {
    const jobs = payloads(wanted)
    const begunAt = now()
    let at = 0
    const call = async () => {
      while (at < wanted) {
        const from = at
        at += chunk
        await sending().enqueueMany(jobs.slice(from, at))
      }
    }
    await Promise.all(Array.from({ length: parallel }, call))
    return { jobs: wanted, seconds: (now() - begunAt) / 1000 }
  },
  canvas: async (shape) => {
    const sender = sending()
    if (!sender.startCanvas) throw new Error('has no jobs that wait for each other')
    const begunAt = now()
    await sender.startCanvas(shape, payload)
    return { jobs: jobsIn(shape), seconds: (now() - begunAt) / 1000 }
  },
  callers: async ({ callers, seconds }) => {
    const sender = sending()
    await loops(callers, seconds / 4, () => sender.enqueue(payload()))
    return loops(callers, seconds, () => sender.enqueue(payload()))
  },
  single: async ({ seconds }) => {
    const sender = sending()
    await loops(1, seconds / 4, () => sender.enqueue(payload()))
    const times: number[] = []
    await loops(1, seconds, async () => {
      const job = payload()
      const begunAt = now()
      await sender.enqueue(job)
      times.push(now() - begunAt)
    })
    return times
  },
  send: async () => {
    const job = payload()
    await sending().enqueue(job)
    return { begunAt: job.sentAt, returnedAt: now() }
  },
  keepAhead: async ({ ahead, chunk }) => {
    producing = keepAhead(ahead, chunk)
    return null
  },
  done: async ({ count: finished }) => {
    done = finished
    return null
  },
  release: async () => {
    for (const end of held.splice(0)) end()
    return null
  },
  stopProducing: async () => {
    stopped = true
    return { produced: (await producing) ?? 0 }
  },
  transactions: ({ url, connections, seconds }) => transactions(url, connections, seconds),
  figures: async () => {
    const { user, system } = process.cpuUsage(cpuBefore)
    return { count, firstAt, lastAt, markAt, cpuSeconds: (user + system) / 1e6 }
  },
  close: async () => {
    await worker?.stop()
    await producer?.close()
    return null
  },
}

function sending(): Producer {
  if (!producer) throw new Error('no producer is open')
  return producer
}

/** Loads the contender's library; what that costs is not counted as work. */
async function begin(): Promise<void> {
  await contender.load()
  flushCompileCache()
  cpuBefore = process.cpuUsage()
}

function countJob(): undefined {
  lastAt = performance.now() + CLOCK_OFFSET
  if (count++ === 0) firstAt = lastAt
  if (count === markCount) markAt = lastAt
  if (reporting) return
  // A timer that begins with a job: an idle worker has none of ours.
  reporting = true
  setTimeout(reportCount, COUNT_EVERY_MS)
}

function reportCount(): void {
  reporting = false
  send({ kind: 'count', count })
}

function reportJob(job: Payload): undefined {
  const begunAt = now()
  countJob()
  send({ kind: 'begun', sentAt: job.sentAt, begunAt })
}

function holdJob(job: Payload): Promise<void> {
  reportJob(job)
  return new Promise((resolve) => held.push(resolve))
}

/** Runs `callers` loops of `act` for `seconds`. */
async function loops(callers: number, seconds: number, act: () => Promise<void>): Promise<Throughput> {
  const begunAt = now()
  const until = begunAt + seconds * 1000
  let jobs = 0
  const loop = async () => {
    while (now() < until) {
      await act()
      jobs++
    }
  }
  await Promise.all(Array.from({ length: callers }, loop))
  return { jobs, seconds: (now() - begunAt) / 1000 }
}

async function keepAhead(ahead: number, chunk: number): Promise<number> {
  let produced = 0
  while (!stopped) {
    if (produced - done < ahead) {
      await sending().enqueueMany(payloads(chunk))
      produced += chunk
    } else {
      await pause(2)
    }
  }
  return produced
}

async function transactions(url: string, connections: number, seconds: number): Promise<Throughput> {
  const { enqueueIn } = sending()
  if (!enqueueIn) throw new Error('cannot enqueue in a transaction of the caller')
  const clients = await Promise.all(Array.from({ length: connections }, () => connect(url)))
  const inTransaction = async (client: Client) => {
    await client.query('begin')
    await enqueueIn(client, payload())
    await client.query('commit')
  }
  const run = async (length: number) => {
    const free = [...clients]
    return loops(connections, length, async () => {
      const client = free.pop()
      if (!client) throw new Error('more loops than connections')
      await inTransaction(client)
      free.push(client)
    })
  }
  try {
    await run(seconds / 4)
    return await run(seconds)
  } finally {
    await Promise.all(clients.map((client) => client.end()))
  }
}

function send(message: ChildMessage): void {
  process.send?.(message)
}

process.on('message', async ({ id, order, argument }: OrderMessage) => {
  try {
    const handle = handlers[order] as (argument: unknown) => Promise<unknown>
    send({ kind: 'answer', id, answer: await handle(argument) })
  } catch (error) {
    send({
      kind: 'failure',
      id,
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }
  if (order === 'close') setTimeout(() => process.exit(0), 50)
})
process.on('disconnect', () => process.exit(1))
