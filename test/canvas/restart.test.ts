import { expect, test } from 'vitest'
import { Celeriac, chord, migrate } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { TortureServer } from '../torture/driver/server.ts'
import { upTo } from './kit.ts'

test.each([
  'fast',
  'immediate',
] as const)('C-264 the server restarts (%s) within a chord of a thousand: one body', {
  timeout: 120_000,
}, async (mode) => {
  const server = await TortureServer.start(18)
  try {
    const url = await server.createDatabase('canvas')
    await migrate({ database: url })
    await using app = new Celeriac({ database: url, log: 'silent' })
    const begun = new Set<number>()
    const ident = app.task('ident', (x: number) => {
      begun.add(x)
      return x
    })
    let bodies = 0
    const sum = app.task('sum', (list: readonly number[]) => {
      bodies += 1
      return list.reduce((all, item) => all + item, 0)
    })
    const handle = await chord(
      upTo(1_000).map((x) => ident.s(x)),
      sum.s(),
    ).enqueue()
    const worker = app.worker({ concurrency: 4 })
    await worker.start()
    await until(() => begun.size > 200, { every: 1 })
    await server.stop(mode)
    await server.startAgain()
    expect(await handle.result({ timeout: '60s' })).toBe(499_500)
    expect([begun.size, bodies]).toEqual([1_000, 1])
    await worker.stop()
  } finally {
    await server.destroy()
  }
})
