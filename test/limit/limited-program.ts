import { Celeriac, type TaskOptions } from '../../src/index.ts'
import { gate } from '../support/gate.ts'

/*
 * A worker in a process of its own whose tasks are limited; worker-processes.ts is the other side. LIMITED says which
 * tasks: their options by name. Where they say `key: true`, the first arg is the key.
 */
const limited: Record<string, Record<string, unknown>> = JSON.parse(process.env.LIMITED ?? '{}')
const app = new Celeriac({ database: process.env.DATABASE_URL ?? '', log: 'silent' })
const open = gate()
const say = (told: object): void => void process.send?.(told)

for (const [name, options] of Object.entries(limited)) {
  const keyed = Object.fromEntries(Object.entries(options).map(([option, value]) => [option, withKey(value)]))
  app.task(
    name,
    { bind: true, ...(keyed as TaskOptions<[key: string, what?: string]>) },
    async (job, _key: string, what?: string) => {
      say({ begun: job.id, attempt: job.attempt })
      if (what === 'hold') await open
      if (what === 'fail' && job.attempt === 1) throw new Error('as asked')
      return process.pid
    },
  )
}

function withKey(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withKey)
  if (typeof value !== 'object' || value === null || !('key' in value)) return value
  return { ...value, key: (key: string) => key }
}

process.on('message', (message) => {
  if (message === 'open') open.open()
})
const worker = app.worker({ concurrency: Number(process.env.CONCURRENCY ?? 10) })
await worker.start()
say({ started: worker.id })
