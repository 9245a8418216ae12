import { describe, expect, test } from 'vitest'
import { Celeriac, chain, chord, group } from '../../src/index.ts'

const app = new Celeriac({ database: 'postgres://nobody@127.0.0.1:1/none' })
const add = app.task('add', (x: number, y: number) => x + y)
const ident = app.task('ident', (value: unknown) => value)
const sum = app.task('sum', (numbers: readonly number[]) => numbers.length)

describe('the readable form of a canvas', () => {
  test('C-25 is what one would write', () => {
    expect(String(chain(add.s(2, 2), sum.si([1])))).toBe('add(2, 2) | sum([…])')
    expect(String(group([add.s(1, 1), chain(add.s(2, 2), add.s(1))]))).toBe(
      'group(add(1, 1), add(2, 2) | add(1))',
    )
    expect(String(group({ art: ident.s('a'), 'b c': ident.s('b') }))).toBe(
      'group({ art: ident("a"), "b c": ident("b") })',
    )
    expect(String(chord([add.s(1, 1), add.s(2, 2)], sum.s()))).toBe('chord([add(1, 1), add(2, 2)], sum())')
    expect(String(chord({ a: add.s(1, 1) }, ident.s()))).toBe('chord({ a: add(1, 1) }, ident())')
    expect(String(chain(chain(add.s(1, 1), add.s(2)).with({ queue: 'a' }), add.s(3)))).toBe(
      '(add(1, 1) | add(2)) | add(3)',
    )
    expect(String(add.starmap([[1, 2]]))).toBe('add.starmap([…])')
    expect(String(ident.map([]))).toBe('ident.map([])')
  })

  test('C-25 shows scalars, and of anything else only that it is there', () => {
    const shown = (value: unknown): string => String(ident.s(value))
    expect(
      [null, true, -0, 1.5, 10n, 'a "b"', undefined, [], [1], {}, { a: 1 }, new Date(0)].map(shown),
    ).toEqual(
      [
        'null',
        'true',
        '-0',
        '1.5',
        '10n',
        '"a \\"b\\""',
        'undefined',
        '[]',
        '[…]',
        '{}',
        '{…}',
        '1970-01-01T00:00:00.000Z',
      ].map((arg) => `ident(${arg})`),
    )
    expect(shown(add)).toBe('ident(…)')
    expect(shown('x'.repeat(100))).toHaveLength(47)
  })

  test('C-25 takes 1 KB at most, whatever it is of, and can be stored', () => {
    for (const text of ['x', 'ä', '🎵', '\0', '\ud800']) {
      const many = Array.from({ length: 10_000 }, () => ident.s(text.repeat(30)))
      for (const canvas of [group(many), chain(many as never), group(Object.fromEntries(many.entries()))]) {
        const shown = String(canvas)
        expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(1024)
        expect(Buffer.byteLength(shown)).toBeGreaterThan(1000)
        expect(shown.isWellFormed() && !shown.includes('\0')).toBe(true)
        expect(shown.endsWith('…')).toBe(true)
      }
    }
    expect(Buffer.byteLength(String(ident.s(2n ** 100_000n)))).toBeLessThan(100)
  })
})
