import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openScreen } from '../../../src/cli/demo/screen.ts'
import { fitWidth, printable, textWidth } from '../../../src/cli/demo/text-width.ts'
import { drawTracks } from '../../../src/cli/demo/view.ts'
import { aTrack } from './tracks.ts'

const ROOM = { columns: 80, rows: 24, colour: false }

describe('drawTracks', () => {
  test('draws the branches of an upload with what each of them does', () => {
    const track = aTrack({
      upload: { state: 'succeeded' },
      tags: { state: 'succeeded' },
      art: { state: 'running' },
      waveform: { state: 'running', done: 0.5 },
      rights: { state: 'pending', attempt: 2, reasons: ['503 waking up', '503 busy'] },
    })
    expect(drawTracks([track], ROOM)).toEqual([
      '▶ night-train              ▇▁▁▁▁▁▁▁▁▁▁▁  2 of 29   rights: 503 busy',
      '├─ ✓ upload',
      '├─┬─ ✓ tags',
      '│ │  └─ ▶ art, 8 sizes × 2      ▶▶▶▶▶▶▶▶▶▶▶▶▶▶▶▶',
      '│ └─┬─ ▶ waveform               ▇▇▇▇▇▇▁▁▁▁▁▁',
      '│   │  └─ · normalise',
      '│   ├─ ↻ rights                 attempt 2: 503 busy',
      '│   └─ · mp3 128, 192, 320      ···',
      '└─ · index   · followers   · notify',
    ])
  })

  test('shows why a branch failed, what never ran, and who is told', () => {
    const skipped = { state: 'failed', skipped: true } as const
    const track = aTrack({
      rights: { state: 'failed', attempt: 3, error: 'it infringes' },
      encode: skipped,
      index: skipped,
      publish: skipped,
      notify: skipped,
      apologise: { state: 'succeeded' },
    })
    expect(drawTracks([track], ROOM)).toEqual([
      '✗ night-train              ▇▇▇▇▁▁▁▁▁▁▁▁  10 of 30  rights: it infringes',
      '├─ · upload',
      '├─┬─ · tags',
      '│ │  └─ · art, 8 sizes × 2      ················',
      '│ └─┬─ · waveform',
      '│   │  └─ · normalise',
      '│   ├─ ✗ rights                 it infringes',
      '│   └─ ⊘ mp3 128, 192, 320      ⊘⊘⊘',
      '└─ ⊘ index   ⊘ followers   ⊘ notify',
      '└╌ ✓ tell the uploader',
    ])
  })

  test.each([20, 30, 44, 80, 200])('stays within %i columns', (columns) => {
    const track = aTrack({
      rights: { state: 'pending', attempt: 1, reasons: ['the service answered 503 busy '.repeat(9)] },
    })
    for (const line of drawTracks([track], { columns, rows: 24, colour: true })) {
      expect(textWidth(stripVTControlCharacters(line))).toBeLessThan(columns)
    }
  })

  test.each([2, 6, 12, 24, 60])('stays within %i rows, and shows first what moves', (rows) => {
    const tracks = Array.from({ length: 8 }, (_, index) =>
      aTrack(index === 5 ? { upload: { state: 'running' } } : {}, `track-${index}`),
    )
    const lines = drawTracks(tracks, { ...ROOM, rows })
    expect(lines.length).toBeLessThanOrEqual(rows)
    expect(lines.join('\n')).toContain('track-5')
    if (rows === 6) expect(lines.at(-1)).toBe('… and 3 more')
    if (rows === 24) expect(lines.filter((line) => line.includes('rights'))).toHaveLength(1)
  })

  test('uses colours only where asked', () => {
    const tracks = [aTrack({ rights: { state: 'failed', error: 'no' } })]
    const plain = drawTracks(tracks, ROOM)
    const coloured = drawTracks(tracks, { ...ROOM, colour: true })
    expect(plain.join('')).not.toContain('\x1b')
    expect(coloured.join('')).toContain('\x1b[31m')
    expect(coloured.map((line) => stripVTControlCharacters(line).trimEnd())).toEqual(plain)
  })
})

describe('openScreen', () => {
  const opened = (columns: number) => {
    const written: string[] = []
    const stream = { columns, write: (text: string | Uint8Array) => written.push(String(text)) > 0 }
    return { written, stream, screen: openScreen(stream) }
  }

  test('replaces what it drew before', () => {
    const { written, screen } = opened(80)
    screen.draw(['one', 'two'])
    screen.draw(['three'])
    expect(written).toEqual(['\x1b[?25l', 'one\ntwo\n', '\x1b[2A\r\x1b[Jthree\n'])
  })

  test('prints lines above the live ones', () => {
    const { written, screen } = opened(80)
    screen.draw(['live'])
    screen.print('stays')
    expect(written.at(-1)).toBe('\x1b[1A\r\x1b[Jstays\nlive\n')
  })

  test('wipes the lines that a narrower terminal has broken', () => {
    const { written, screen, stream } = opened(80)
    screen.draw(['x'.repeat(60), 'y'])
    stream.columns = 30
    screen.draw(['z'])
    expect(written.at(-1)).toBe('\x1b[3A\r\x1b[Jz\n')
  })

  test('gives the cursor back once', () => {
    const { written, screen } = opened(80)
    screen.close()
    screen.close()
    screen.draw(['late'])
    expect(written).toEqual(['\x1b[?25l', '\x1b[?25h'])
  })
})

describe('fitWidth', () => {
  test.each([
    ['abc', 5, 'abc  '],
    ['abcdef', 4, 'abc…'],
    ['日本語', 6, '日本語'],
    ['日本語', 4, '日… '],
    ['é', 2, 'é '],
    ['👩‍👩‍👧x', 3, '👩‍👩‍👧x'],
    ['', 0, ''],
  ])('fits %o into %i', (text, width, expected) => {
    expect(fitWidth(text, width)).toBe(expected)
    expect(textWidth(fitWidth(text, width))).toBe(width)
  })
})

describe('printable', () => {
  test('takes the teeth out of escape codes and turned text', () => {
    expect(printable('a\x1b[2Jb\nc\u202Ed')).toBe('a [2Jb c d')
  })
})
