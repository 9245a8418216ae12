import pg from 'pg'
import { Celeriac } from '../../src/index.ts'
import { gate } from '../support/gate.ts'

/** A worker in a process of its own whose jobs take locks; processes.test.ts is the other side. */

const url = process.env.DATABASE_URL ?? ''
const app = new Celeriac({ database: url, log: 'silent' })
const pool = new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true })
const open = gate()
const say = (told: object): void => void process.send?.(told)

/** Enters the history when it begins and when it ends, with the number of its holding. */
app.task('lock.record', { bind: true }, (job, key: string) =>
  job.lock(key, async ({ fence }) => {
    const note = (what: string): Promise<unknown> =>
      pool.query('insert into history (key, fence, what, pid) values ($1, $2, $3, $4)', [
        key,
        fence,
        what,
        process.pid,
      ])
    await note('begin')
    await pool.query('select pg_sleep(random() / 50)')
    await note('end')
    return process.pid
  }),
)

app.task('lock.hold', { bind: true }, (job, key: string) =>
  job.lock(key, async ({ fence }) => {
    say({ begun: job.id, attempt: job.attempt })
    await open
    return fence
  }),
)

app.on('worker:started', ({ workerId }) => say({ started: workerId }))
process.on('message', () => open.open())
process.channel?.unref()

const worker = app.worker({ concurrency: 5, abortGrace: '1s', name: `process ${process.pid}` })
await worker.run()
await app.stop()
await pool.end()
