import { Celeriac } from '../../src/index.ts'

/** A script that enqueues, waits for the result and ends: nothing of celeriac may keep it. */

const app = new Celeriac({ database: process.env.DATABASE_URL ?? '', log: 'silent' })
const add = app.declare<(x: number, y: number) => number>('add')
console.log(await (await add.enqueue(2, 3)).result({ timeout: '20s' }))
