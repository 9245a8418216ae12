import pg from 'pg'
import { Celeriac } from '../../src/index.ts'
import { defineTasks, QUEUES } from './tasks.ts'

/** A worker of the fixture tasks in a process of its own; test/support/worker-processes.ts is the other side. */

const url = process.env.DATABASE_URL ?? ''
const app = new Celeriac({ database: url, log: 'silent' })
const pool = new pg.Pool({ connectionString: url, max: 12, allowExitOnIdle: true })
// The database is dropped by force at the end of a test.
pool.on('error', () => undefined)
defineTasks(app, pool)
app.on('worker:started', ({ workerId }) => process.send?.({ started: workerId }))
// What keeps the process alive is to be the worker alone.
process.channel?.unref()

const worker = app.worker({
  concurrency: Number(process.env.CONCURRENCY ?? 4),
  queues: QUEUES,
  abortGrace: '1s',
  name: `process ${process.pid}`,
})
await worker.run()
await app.stop()
await pool.end()
