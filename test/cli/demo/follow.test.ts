import { describe, expect, test } from 'vitest'
import { follow } from '../../../src/cli/demo/follow.ts'
import { newTrack, type Step } from '../../../src/cli/demo/track.ts'
import { aTrack, settledTrack } from './tracks.ts'

const { signal } = new AbortController()

describe('follow', () => {
  test('looks until everything is settled, and says each thing once', async () => {
    const track = newTrack({ path: '/music/a.mp3', track: 'a' })
    const retried = aTrack({
      rights: { state: 'running', attempt: 3, reasons: ['503 waking up', '503 busy'] },
    })
    const looks: (readonly Step[])[] = [
      [],
      aTrack().steps,
      retried.steps,
      retried.steps,
      settledTrack().steps,
    ]
    const said: string[] = []
    await follow(
      [{ track, look: async () => looks.shift() ?? [] }],
      {
        retried: (_, name, attempt, reason) => said.push(`↻ ${name} ${attempt} ${reason}`),
        settled: (_, name, steps) => said.push(`✓ ${name} ${steps.length}`),
      },
      signal,
    )
    expect(looks).toEqual([])
    expect(said.slice(0, 4)).toEqual([
      '↻ rights 1 503 waking up',
      '↻ rights 2 503 busy',
      '✓ upload 1',
      '✓ tags 1',
    ])
    expect(said).toHaveLength(2 + 10)
  })

  test('waits for the error handler, too', async () => {
    const track = newTrack({ path: '/music/a.mp3', track: 'a' })
    const handler = aTrack({ apologise: { state: 'pending' } }).steps.at(-1)
    const failed = settledTrack('failed').steps
    const looks = [[...failed, ...(handler === undefined ? [] : [handler])], failed]
    const quiet = { retried: () => undefined, settled: () => undefined }
    await follow([{ track, look: async () => looks.shift() ?? [] }], quiet, signal)
    expect(looks).toEqual([])
  })

  test('stops with its signal', async () => {
    const track = newTrack({ path: '/music/a.mp3', track: 'a' })
    const stop = new AbortController()
    const look = async () => {
      stop.abort(new Error('enough'))
      return []
    }
    const quiet = { retried: () => undefined, settled: () => undefined }
    await expect(follow([{ track, look }], quiet, stop.signal)).rejects.toThrow('enough')
  })
})
