import { EventEmitter } from 'node:events'
import pg from 'pg'
import { Celeriac } from '../../src/index.ts'
import { aborted, gate } from './gate.ts'

/** A worker in a process of its own, as `celeriac worker` runs one; worker-processes.ts is the other side. */

const url = process.env.DATABASE_URL ?? ''
const app = new Celeriac({ database: url, log: 'silent', guard: process.env.GUARD !== 'false' })
const pool = new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true })
const open = gate()
const say = (told: object): void => void process.send?.(told)

app.task('add', (x: number, y: number) => x + y)

app.task('effect', { bind: true }, async (job) => {
  await pool.query('insert into effects (job_id, attempt, pid) values ($1, $2, $3)', [
    job.id,
    job.attempt,
    process.pid,
  ])
})

app.task('hold', { bind: true }, async (job) => {
  say({ begun: job.id, attempt: job.attempt })
  await Promise.race([
    open,
    aborted(job.signal).then((reason) => {
      throw reason
    }),
  ])
  return process.pid
})

app.task('hang', { bind: true }, async (job) => {
  say({ begun: job.id, attempt: job.attempt })
  await new Promise(() => undefined)
})

app.task('pay', { bind: true }, (job, n: number) =>
  job.transaction(async (tx) => {
    await tx.query('insert into effects (job_id, attempt) values ($1, $2)', [job.id, job.attempt])
    await tx.query('select pg_sleep(random() / 5)')
    return n
  }),
)

// The first attempt never gets as far as its COMMIT.
app.task('complete', { bind: true }, async (job) => {
  const client = await pool.connect()
  await client.query('begin')
  await client.query('insert into effects (job_id, attempt) values ($1, $2)', [job.id, job.attempt])
  await job.complete(client, `attempt ${job.attempt}`)
  say({ begun: job.id, attempt: job.attempt })
  if (job.attempt === 1) await new Promise(() => undefined)
  await client.query('commit')
  client.release()
})

// Gives way to no signal; whoever cannot reach the database ends with it.
app.task('hold.kill', { bind: true, onUnreachable: 'kill' }, async (job) => {
  say({ begun: job.id, attempt: job.attempt })
  await open
  return process.pid
})

app.task('block', { bind: true }, (job, ms: number) => {
  say({ begun: job.id, attempt: job.attempt })
  const end = performance.now() + ms
  while (performance.now() < end);
  return process.pid
})

// Ends the process, at the first attempt: as a signal or an exit code.
app.task('die', { bind: true }, async (job, how: NodeJS.Signals | 'abort' | number) => {
  say({ begun: job.id, attempt: job.attempt })
  if (job.attempt > 1) return process.pid
  // What it said must have left before it dies.
  await new Promise((resolve) => setImmediate(resolve))
  if (how === 'abort') process.abort()
  else if (typeof how === 'number') process.exit(how)
  else process.kill(process.pid, how)
  return new Promise<number>(() => undefined)
})

app.task('gorge', { bind: true }, async (job) => {
  say({ begun: job.id, attempt: job.attempt })
  await new Promise((resolve) => setImmediate(resolve))
  for (const kept: unknown[] = []; ; ) kept.push(Array.from({ length: 10_000 }, () => ({})))
})

// Returns in good order; something it left behind throws later.
app.task('leave', { bind: true }, (job, behind: 'timer' | 'promise' | 'emitter') => {
  if (behind === 'promise') void open.then(() => Promise.reject(new Error('left behind')))
  else {
    void open.then(() =>
      setImmediate(() => {
        if (behind === 'emitter') new EventEmitter().emit('error', new Error('left behind'))
        throw new Error('left behind')
      }),
    )
  }
  say({ begun: job.id, attempt: job.attempt })
})

app.on('worker:started', ({ workerId }) => say({ started: workerId }))
app.on('worker:stopping', () => say({ stopping: true }))
for (const fact of [
  'worker:evicted',
  'worker:fenced',
  'worker:unfenced',
  'job:lost',
  'guard:inline',
] as const) {
  app.on(fact, () => say({ fact }))
}
process.on('message', () => open.open())
// What keeps the process alive is to be the worker alone.
process.channel?.unref()

const worker = app.worker({
  concurrency: Number(process.env.CONCURRENCY ?? 10),
  ...(process.env.MAX_BLOCK_MS !== undefined && { maxBlock: Number(process.env.MAX_BLOCK_MS) }),
  abortGrace: '1s',
  name: `process ${process.pid}`,
})
await worker.run()
await app.stop()
await pool.end()
