import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { type CallOptions, Celeriac, isCeleriacError, Signature } from '../../../src/index.ts'
import { draw, nodesOf } from '../canvas/drawing.ts'
import { ERRBACK_TASK, NODE_TASK, toSignature } from '../canvas/to-signature.ts'
import { HistoryWriter } from '../history/writer.ts'
import { Random } from '../random.ts'
import { BACKOFF, KIND_OPTIONS, type Kind, NODE_OPTIONS, parameterOf } from './kinds.ts'
import { LIMITED_PREFIX, SHARED_LIMIT } from './limited.ts'
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
app.limit(SHARED_LIMIT.name, { concurrency: SHARED_LIMIT.concurrency })
app.declare(NODE_TASK, NODE_OPTIONS)
app.declare(ERRBACK_TASK, NODE_OPTIONS)

/** One call: a job, or a canvas of several. */
interface Work {
  readonly marks: readonly string[]
  start(options: CallOptions): Promise<unknown>
}

const TICK_MS = 20
const MOST_IN_FLIGHT = 300
let made = 0
let inFlight = 0
let stopping = false
process.on('SIGTERM', () => {
  stopping = true
})

function newWork(kind: Kind | 'canvas' = random.weighted(mix)): Work {
  made += 1
  const mark = `${name}-${made}`
  if (kind === 'canvas') return newCanvas(mark)
  const args: Args = [mark, parameterOf(kind, random), CANARY]
  const limited = kind.startsWith(LIMITED_PREFIX)
  const delay = limited && random.chance(0.15) ? random.integer(100, 1_500) : 0
  if (limited && random.chance(0.25)) return { marks: [mark], start: bySql(kind, args, delay) }
  return {
    marks: [mark],
    start: (options) =>
      taskOf(kind)
        .with({ ...options, ...(delay > 0 && { delay }) })
        .enqueue(...args),
  }
}

/** Who enqueues by SQL knows nothing of limits. */
function bySql(kind: Kind, args: Args, delay: number): Work['start'] {
  return ({ id, tx }) => {
    const client = tx instanceof pg.Client ? tx : pool
    const options = { maxAttempts: 5, ...(id !== undefined && { id }), ...(delay > 0 && { delay }) }
    return client.query('select celeriac.enqueue($1, $2, $3)', [
      kind,
      JSON.stringify(args),
      JSON.stringify(options),
    ])
  }
}

function newCanvas(mark: string): Work {
  const drawing = draw(random, mark)
  history.write({ e: 'canvas', mark, drawing })
  const signature = Signature.from<Signature>(toSignature(drawing, CANARY), app)
  return {
    marks: nodesOf(drawing).map((node) => node.mark),
    start: (options) => signature.with(options).enqueue(),
  }
}

function taskOf(kind: Kind): ReturnType<typeof declare> {
  const task = tasks.get(kind)
  if (task === undefined) throw new Error(`no task ${kind}`)
  return task
}

async function enqueueOne(): Promise<number> {
  const { marks, start } = newWork()
  await recorded(marks, () => start({}))
  return marks.length
}

/** With an id of our own, an insert whose answer got lost can be sent again. */
async function enqueueWithId(): Promise<number> {
  const { marks, start } = newWork()
  const id = randomUUID()
  const resend = random.chance(0.9)
  history.write({ e: 'enq', ks: marks })
  for (;;) {
    try {
      await start({ id })
    } catch (error) {
      if (isCeleriacError(error, 'CONNECT_FAILED') && resend && !stopping) {
        await wait(200)
        continue
      }
      if (!isCeleriacError(error, 'JOB_EXISTS') && codeOf(error) !== 'ZC002') {
        tellFailure(marks, error)
        return marks.length
      }
    }
    history.write({ e: 'enq-ok', ks: marks })
    return marks.length
  }
}

async function enqueueMany(): Promise<number> {
  // Twenty jobs that block, or kill, one after another would be another workload.
  const wanted = random.weighted(mix)
  const kind = wanted === 'canvas' || /^(block|suicide|poison)$/.test(wanted) ? 'short' : wanted
  const calls = Array.from({ length: random.integer(5, 30) }, (): Args => {
    made += 1
    return [`${name}-${made}`, parameterOf(kind, random), CANARY]
  })
  await recorded(
    calls.map(([mark]) => mark),
    () => taskOf(kind).enqueueMany(calls),
  )
  return calls.length
}

/** Jobs and rows of ours share the fate of one transaction. */
async function enqueueInTransaction(): Promise<number> {
  const works = Array.from({ length: random.integer(1, 5) }, () => newWork())
  const marks = works.flatMap((work) => work.marks)
  const commits = random.chance(0.8)
  const x = randomUUID()
  history.write({ e: 'tx-begin', x, ks: marks })
  let sent = false
  let client: pg.PoolClient | undefined
  try {
    client = await pool.connect()
    await client.query('begin')
    for (const work of works) {
      await client.query('insert into orders (mark) select unnest($1::text[])', [work.marks])
      await work.start({ tx: client })
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
  return marks.length
}

async function recorded(ks: readonly string[], enqueue: () => Promise<unknown>): Promise<void> {
  history.write({ e: 'enq', ks })
  try {
    await enqueue()
    history.write({ e: 'enq-ok', ks })
  } catch (error) {
    tellFailure(ks, error)
  }
}

function tellFailure(ks: readonly string[], error: unknown): void {
  const code = codeOf(error)
  // A server that went away says nothing about what it had taken; any other answer is a refusal.
  const gone = /^(CONNECT_FAILED|08|57P|25006|E[A-Z]{4,}$|Error: )/.test(code)
  history.write({ e: gone ? 'enq-unknown' : 'enq-fail', ks, code })
}

/** What an error is known by; one of a connection may have nothing but its text. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && error.code !== undefined
    ? String(error.code)
    : String(error)
}

async function next(): Promise<number> {
  const way = random.next()
  if (way < 0.7) return enqueueOne()
  if (way < 0.85) return enqueueWithId()
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
