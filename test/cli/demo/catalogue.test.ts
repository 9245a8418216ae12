import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askCatalogue, type Catalogue, startCatalogue } from '../../../src/cli/demo/catalogue.ts'
import { until } from '../../support/until.ts'

const { signal } = new AbortController()
let catalogue: Catalogue
beforeAll(async () => {
  catalogue = await startCatalogue()
})
afterAll(() => catalogue.stop())

const ask = (track: string) => askCatalogue(catalogue.url, track, signal)

describe('askCatalogue', () => {
  test('is told to come back while the service wakes up', async () => {
    await expect(ask('first')).rejects.toMatchObject({
      code: 'DEMO_CATALOGUE',
      message: 'catalogue: 503 waking up',
    })
  })

  test('gets the same number for the same track', async () => {
    const first = await until(() => ask('first'))
    const second = await until(() => ask('second'))
    expect(second).toBe(first + 1)
    expect(await until(() => ask('first'))).toBe(first)
  })

  test('is sent away while another caller is served, and hung up on now and then', async () => {
    await until(() => ask('awake'))
    const ends = await Promise.allSettled(Array.from({ length: 14 }, () => ask('many')))
    const reasons = ends.flatMap((end) => (end.status === 'rejected' ? String(end.reason.message) : []))
    expect(new Set(reasons)).toContain('catalogue: 503 busy')
    await until(
      async () => (await ask('again').catch((error: Error) => error.message)) === 'catalogue: hung up',
    )
  })

  test('stops with its signal', async () => {
    const reason = new Error('enough')
    await expect(askCatalogue(catalogue.url, 'never', AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
