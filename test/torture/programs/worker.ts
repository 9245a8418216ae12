import pg from 'pg'
import { Celeriac, isCeleriacError } from '../../../src/index.ts'
import type { SettledAs } from '../history/entries.ts'
import { HistoryWriter } from '../history/writer.ts'
import { defineTasks } from './handlers.ts'
import { CANARY, readSettings } from './settings.ts'

/** A worker under torture: an app as users write one, that puts on record whatever happens to its jobs. */

const { name, url, folder, concurrency, broken, schedules } = readSettings()
const history = new HistoryWriter(folder, name)
const app = new Celeriac({ database: url, log: 'info' })
const pool = new pg.Pool({
  connectionString: url,
  max: 3,
  allowExitOnIdle: true,
  connectionTimeoutMillis: 5_000,
})
pool.on('error', () => undefined)
pool.on('connect', (client) => client.on('error', () => undefined))

defineTasks({ app, history, pool, broken, schedules })

const settled = (as: SettledAs) => (fact: { jobId: string; attempt: number }) =>
  history.write({ e: 'settled', j: fact.jobId, a: fact.attempt, as })
app.on('job:claimed', ({ jobId, attempt }) => history.write({ e: 'claim', j: jobId, a: attempt }))
app.on('job:succeeded', settled('succeeded'))
app.on('job:failed', settled('failed'))
app.on('job:retried', settled('retried'))
app.on('job:snoozed', settled('snoozed'))
app.on('job:cancelled', settled('cancelled'))
app.on('job:released', (fact) => settled(fact.begun ? 'returned' : 'released')(fact))
app.on('job:lost', ({ jobId, attempt }) => history.write({ e: 'lost', j: jobId, a: attempt }))
app.on('worker:started', ({ workerId }) => history.write({ e: 'worker', w: workerId }))
app.on('worker:evicted', () => history.write({ e: 'evicted' }))
app.on('worker:fenced', () => history.write({ e: 'fenced' }))
app.on('worker:unfenced', () => history.write({ e: 'unfenced' }))
app.on('worker:rescued', ({ workerId, rescued, failed, reason }) =>
  history.write({ e: 'rescued', w: workerId, jobs: rescued + failed, reason }),
)

if (broken === 'leaves-open') {
  await new pg.Client({ connectionString: url, application_name: 'celeriac:forgotten' }).connect()
}
if (broken === 'speaks') {
  app.use((job, next) => {
    console.error(`${CANARY} ${job.id}`)
    return next()
  })
}
if (broken === 'rejects') setTimeout(() => void Promise.reject(new Error('nobody looks at me')), 2_000)

const worker = app.worker({ concurrency, stopTimeout: '3s', abortGrace: '1s', name })
try {
  await worker.run()
} catch (error) {
  // The server went away while it started; who started it will do so again.
  if (!isCeleriacError(error, 'CONNECT_FAILED')) throw error
  process.exit(3)
}
await app.stop()
await pool.end()
history.write({ e: 'down' })
