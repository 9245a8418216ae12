import { Celeriac, group } from '../../src/index.ts'

/** Enqueues a group of ten thousand; it is killed meanwhile. */

const app = new Celeriac({ database: process.env.DATABASE_URL ?? '', log: 'silent' })
const noop = app.declare<() => void>('noop', { queue: 'nobody' })
await group(Array.from({ length: 10_000 }, () => noop.s())).enqueue()
