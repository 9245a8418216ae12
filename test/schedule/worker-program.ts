import { Celeriac } from '../../src/index.ts'

/** A worker in a process of its own that fires schedules; worker-processes.ts is the other side. */

const app = new Celeriac({ database: process.env.DATABASE_URL ?? '', log: 'silent', guard: false })
app.task('tick', { maxAttempts: 1_000 }, () => process.pid)
app.task('declared', () => process.pid).every({ interval: 250, catchUp: 'all', name: 'declared' })
app.on('worker:started', ({ workerId }) => process.send?.({ started: workerId }))
process.channel?.unref()
await app.worker({ concurrency: 20 }).run()
await app.stop()
