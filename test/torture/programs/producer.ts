import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { Celeriac, isCeleriacError } from '../../../src/index.ts'
import { HistoryWriter } from '../history/writer.ts'
import { Random } from '../random.ts'
import { BACKOFF, KIND_OPTIONS, type Kind, parameterOf } from './kinds.ts'
import { CANARY, readSettings } from './settings.ts'

/** Enqueues jobs in every way there is, and puts on record what it was told about each. */

const { name, url, folder, seed, rate, mix } = readSettings()
const history = new HistoryWriter(folder, name)
const random = new Random(`${seed} ${name}`)
const app = new Celeriac({ database: url, log: 'silent' })
const pool = new pg.Pool({
  connectionString: url,
  max: 4,
  connectionTimeoutMillis: 5_000,
  application_name: 'shop',
})
pool.on('error', () => undefined)
pool.on('connect', (client) => client.on('error', () => undefined))

type Args = [mark: string, parameter: number, secret: string]

const declare = (kind: Kind) =>
  app.declare<(...args: Args) => unknown>(kind, { backoff: [...BACKOFF], ...KIND_OPTIONS[kind] })
const tasks = new Map((Object.keys(KIND_OPTIONS) as Kind[]).map((kind) => [kind, declare(kind)]))

const TICK_MS = 20
const MOST_IN_FLIGHT = 300
let made = 0
let inFlight = 0
let stopping = false
process.on('SIGTERM', () => {
  stopping = true
})

function newJob(kind: Kind = random.weighted(mix)): { kind: Kind; mark: string; args: Args } {
  made += 1
  const mark = `${name}-${made}`
  return { kind, mark, args: [mark, parameterOf(kind, random), CANARY] }
}

function taskOf(kind: Kind): ReturnType<typeof declare> {
  const task = tasks.get(kind)
  if (task === undefined) throw new Error(`no task ${kind}`)
  return task
}

async function enqueueOne(): Promise<void> {
  const { kind, mark, args } = newJob()
  await recorded([mark], () => taskOf(kind).enqueue(...args))
}

/** With an id of our own, an insert whose answer got lost can be sent again. */
async function enqueueWithId(): Promise<void> {
  const { kind, mark, args } = newJob()
  const task = taskOf(kind).with({ id: randomUUID() })
  const resend = random.chance(0.9)
  history.write({ e: 'enq', ks: [mark] })
  for (;;) {
    try {
      await task.enqueue(...args)
    } catch (error) {
      if (isCeleriacError(error, 'CONNECT_FAILED') && resend && !stopping) {
        await wait(200)
        continue
      }
      if (!isCeleriacError(error, 'JOB_EXISTS')) return tellFailure([mark], error)
    }
    history.write({ e: 'enq-ok', ks: [mark] })
    return
  }
}

async function enqueueMany(): Promise<number> {
  const jobs = Array.from({ length: random.integer(5, 30) }, () => newJob())
  // Twenty jobs that block, or kill, one after another would be another workload.
  const first = jobs[0]?.kind ?? 'short'
  const kind = /^(block|suicide|poison)$/.test(first) ? 'short' : first
  const calls = jobs.map(({ mark }): Args => [mark, parameterOf(kind, random), CANARY])
  await recorded(
    jobs.map(({ mark }) => mark),
    () => taskOf(kind).enqueueMany(calls),
  )
  return jobs.length
}

/** Jobs and rows of ours share the fate of one transaction. */
async function enqueueInTransaction(): Promise<number> {
  const jobs = Array.from({ length: random.integer(1, 5) }, () => newJob())
  const commits = random.chance(0.8)
  const x = randomUUID()
  history.write({ e: 'tx-begin', x, ks: jobs.map(({ mark }) => mark) })
  let sent = false
  let client: pg.PoolClient | undefined
  try {
    client = await pool.connect()
    await client.query('begin')
    for (const { kind, mark, args } of jobs) {
      await client.query('insert into orders (mark) values ($1)', [mark])
      await taskOf(kind)
        .with({ tx: client })
        .enqueue(...args)
    }
    sent = commits
    const { command } = await client.query(commits ? 'commit' : 'rollback')
    history.write({ e: command === 'COMMIT' ? 'tx-commit' : 'tx-rollback', x })
    client.release()
  } catch {
    // What was never told to commit cannot have; a connection that is gone takes its transaction along.
    history.write({ e: sent ? 'tx-unknown' : 'tx-rollback', x })
    client?.release(true)
  }
  return jobs.length
}

async function recorded(ks: string[], enqueue: () => Promise<unknown>): Promise<void> {
  history.write({ e: 'enq', ks })
  try {
    await enqueue()
    history.write({ e: 'enq-ok', ks })
  } catch (error) {
    tellFailure(ks, error)
  }
}

function tellFailure(ks: string[], error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  // A server that went away says nothing about what it had taken; any other answer is a refusal.
  history.write({ e: /^(CONNECT_FAILED|08|57P|25006)/.test(code) ? 'enq-unknown' : 'enq-fail', ks, code })
}

async function next(): Promise<number> {
  const way = random.next()
  if (way < 0.7) return enqueueOne().then(() => 1)
  if (way < 0.85) return enqueueWithId().then(() => 1)
  if (way < 0.9) return enqueueMany()
  return enqueueInTransaction()
}

let owed = 0
let last = performance.now()
while (!stopping) {
  await wait(TICK_MS)
  const now = performance.now()
  // What an outage or a pause kept us from is not made up for: it would come as a flood.
  owed += (Math.min(now - last, 250) * rate) / 1_000
  last = now
  while (owed >= 1 && inFlight < MOST_IN_FLIGHT && !stopping) {
    owed -= 1
    inFlight += 1
    void next().then((jobs) => {
      inFlight -= 1
      owed -= jobs - 1
    })
  }
  if (inFlight >= MOST_IN_FLIGHT) owed = 0
}
while (inFlight > 0) await wait(TICK_MS)
await app.stop()
await pool.end()
history.write({ e: 'down' })
