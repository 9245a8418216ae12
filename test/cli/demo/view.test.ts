import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openScreen } from '../../../src/cli/demo/screen.ts'
import { fitWidth, printable, textWidth } from '../../../src/cli/demo/text-width.ts'
import { drawRows, type Row } from '../../../src/cli/demo/view.ts'

const TITLES = ['tags', 'waveform']

const aRow = (name: string, state: Row['cells'][number]['state'] = 'waiting', note = ''): Row => ({
  name,
  cells: [{ state: 'succeeded' }, state === 'running' ? { state, done: 0.5 } : { state }],
  note,
})

describe('drawRows', () => {
  test('draws a line for each file', () => {
    const rows = [aRow('bells.wav', 'running'), aRow('torn.wav', 'failed', 'it ends early')]
    expect(drawRows(TITLES, rows, { columns: 80, rows: 24, colour: false })).toEqual([
      'file       tags    waveform',
      'bells.wav  ✓       ▇▇▇▁▁▁',
      'torn.wav   ✓       ✗         it ends early',
    ])
  })

  test.each([20, 30, 44, 80, 200])('stays within %i columns', (columns) => {
    const rows = [
      aRow('a rather long name of a file.flac', 'retrying', 'the service answered 503 busy '.repeat(9)),
    ]
    const lines = drawRows(TITLES, rows, { columns: Math.max(columns, 30), rows: 24, colour: true })
    for (const line of lines) {
      expect(textWidth(stripVTControlCharacters(line))).toBeLessThan(Math.max(columns, 30))
    }
  })

  test('shows what moves when there is no room for all', () => {
    const rows = Array.from({ length: 50 }, (_, i) => aRow(`${i}.mp3`, i === 40 ? 'running' : 'succeeded'))
    const lines = drawRows(TITLES, rows, { columns: 80, rows: 6, colour: false })
    expect(lines.length).toBe(6)
    expect(lines.join('\n')).toContain('40.mp3')
    expect(lines.at(-1)).toBe('… and 46 more')
  })

  test('uses colours only where asked', () => {
    const room = { columns: 80, rows: 24 }
    const rows = [aRow('a.mp3', 'failed')]
    const plain = drawRows(TITLES, rows, { ...room, colour: false })
    const coloured = drawRows(TITLES, rows, { ...room, colour: true })
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
