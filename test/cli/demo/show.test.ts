import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openShow } from '../../../src/cli/demo/show.ts'
import { newTrack } from '../../../src/cli/demo/track.ts'
import { until } from '../../support/until.ts'

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
  test('draws the tracks again and again on a terminal', async () => {
    const stream = aStream(true)
    const show = openShow(stream, {})
    const track = newTrack('/music/a.flac', 'a.flac')
    show.begin([track])
    track.cells.waveform = { state: 'running', done: 0.5 }
    await until(() => stream.text.includes('▇▇▇▁▁▁'))
    track.cells.waveform = { state: 'succeeded' }
    show.retried(track, 'tags', 'busy')
    show.end()
    show.print('after')
    expect(stripVTControlCharacters(stream.text)).toMatch(/✓[^✓]*1 of 4 parts[^✓]*after\n$/)
    expect(stream.text).toContain('\x1b[?25h')
  })

  test('writes a line for what happens elsewhere', () => {
    const stream = aStream(false)
    const show = openShow(stream, {})
    const track = newTrack('/music/a.flac', 'a.flac')
    show.begin([track])
    show.retried(track, 'tags', 'busy')
    show.finished(track)
    show.end()
    expect(stream.text).toBe(
      '↻ a.flac: tags will be tried again: busy\n✓ a.flac: tags, waveform, loudness, artwork\n',
    )
  })

  test('takes a dumb terminal for none', () => {
    const stream = aStream(true)
    const show = openShow(stream, { TERM: 'dumb' })
    show.begin([newTrack('/music/a.flac', 'a.flac')])
    show.end()
    expect(stream.text).toBe('')
  })
})
