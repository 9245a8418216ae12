import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askRights, type RightsService, startRights } from '../../../src/cli/demo/rights.ts'
import { until } from '../../support/until.ts'

const { signal } = new AbortController()
let service: RightsService
beforeAll(async () => {
  service = await startRights()
})
afterAll(() => service.stop())

const ask = (recording: string) => askRights(service.url, recording, signal)

describe('askRights', () => {
  test('is told to come back while the service wakes up', async () => {
    await expect(ask('first')).rejects.toMatchObject({
      code: 'DEMO_RIGHTS',
      message: 'copyright service: 503 waking up',
    })
  })

  test('gets the same answer for the same recording', async () => {
    const first = await until(() => ask('first'))
    const second = await until(() => ask('second'))
    expect(second.entry).toBe(first.entry + 1)
    expect(await until(() => ask('first'))).toEqual(first)
  })

  test('gives a recording up that belongs to somebody else', async () => {
    service.claim('theirs')
    const refusal = await until(() =>
      ask('theirs').catch((error: Error) => (error.name === 'PermanentError' ? error : null)),
    )
    expect(refusal).toMatchObject({
      code: 'PERMANENT',
      message: 'it infringes a copyright: it is registered to somebody else',
    })
    expect((await until(() => ask('ours'))).entry).toBeGreaterThan(0)
  })

  test('is sent away while the desks are taken, and not answered now and then', async () => {
    await until(() => ask('awake'))
    const reasons = async (): Promise<string[]> => {
      const ends = await Promise.allSettled(Array.from({ length: 6 }, () => ask('many')))
      return ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason.message)] : []))
    }
    expect(await reasons()).toContain('copyright service: 503 busy')
    await until(async () => (await reasons()).includes('copyright service: no answer within 1000 ms'))
  })

  test('stops with its signal', async () => {
    const reason = new Error('enough')
    await expect(askRights(service.url, 'never', AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  test('says who hung up', async () => {
    const gone = await startRights()
    await gone.stop()
    await expect(askRights(gone.url, 'any', signal)).rejects.toMatchObject({
      message: 'copyright service: hung up',
    })
  })
})
