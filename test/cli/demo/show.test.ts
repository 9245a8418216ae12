import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openShow } from '../../../src/cli/demo/show.ts'
import { newTrack, stepsOf } from '../../../src/cli/demo/track.ts'
import { until } from '../../support/until.ts'
import { aTrack, settledTrack } from './tracks.ts'

const aStream = (terminal: boolean) => {
  const stream = {
    text: '',
    write: (part: string | Uint8Array) => {
      stream.text += String(part)
      return true
    },
    ...(terminal && { isTTY: true, columns: 80, rows: 24, hasColors: () => false }),
  }
  return stream
}

describe('openShow', () => {
  test('draws the uploads again and again on a terminal', async () => {
    const stream = aStream(true)
    const show = openShow(stream, {})
    const track = newTrack({ path: '/music/a.flac', track: 'a' })
    show.begin([track])
    track.steps = aTrack({ waveform: { state: 'running', done: 0.5 } }).steps
    await until(() => stream.text.includes('▇▇▇▇▇▇▁▁▁▁▁▁'))
    track.steps = settledTrack().steps
    show.retried(track, 'rights', 1, 'busy')
    show.end()
    show.print('after')
    expect(stripVTControlCharacters(stream.text)).toMatch(
      /✓ notify\n1 of 1 upload · 29 of 29 jobs · .*\nafter\n$/,
    )
    expect(stream.text).toContain('\x1b[?25h')
  })

  test('writes a line for what happens elsewhere', () => {
    const stream = aStream(false)
    const show = openShow(stream, {})
    const track = aTrack({
      rights: { state: 'failed', error: 'it \x1b[2Jinfringes' },
      encode: { state: 'failed', skipped: true },
    })
    show.begin([track])
    show.retried(track, 'rights', 1, 'busy')
    show.settled(track, 'tags', stepsOf(settledTrack(), 'tags'))
    for (const name of ['rights', 'encode'] as const) show.settled(track, name, stepsOf(track, name))
    show.end()
    expect(stream.text.split('\n')).toEqual([
      '↻ night-train: rights, attempt 1: busy',
      '✓ night-train: tags',
      '✗ night-train: rights: it  [2Jinfringes',
      '⊘ night-train: mp3 128, 192, 320',
      '',
    ])
  })

  test('writes lines on a terminal that can do nothing else', () => {
    const stream = aStream(true)
    const show = openShow(stream, { TERM: 'dumb' })
    show.begin([aTrack()])
    show.end()
    expect(stream.text).toBe('')
  })
})
