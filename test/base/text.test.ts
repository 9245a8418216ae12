import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clip, formatBytes, preview, sanitise } from '../../src/base/text.ts'

describe('sanitise', () => {
  test('spells NUL out, mends half characters and keeps the rest', () => {
    expect(sanitise('a\0b \uD83D c 😀', 100)).toBe('a\\u0000b \uFFFD c 😀')
    expect(sanitise('', 100)).toBe('')
  })

  test('cuts at the cap and says how long it was', () => {
    expect(sanitise('x'.repeat(10 * 1_048_576), 40)).toBe(`${'x'.repeat(22)}… [cut, 10.0 MB]`)
    expect(sanitise('é'.repeat(100), 100)).toBe(`${'é'.repeat(40)}… [cut, 200 bytes]`)
  })

  test('is always well formed, without NUL and within its cap', () => {
    const texts = fc
      .array(fc.constantFrom('a', 'é', '😀', '\0', '\uD83D', '\uDE00', 'エ'))
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(texts, fc.integer({ min: 30, max: 80 }), (text, cap) => {
        const clean = sanitise(text, cap)
        expect(clean.isWellFormed() && !clean.includes('\0')).toBe(true)
        expect(Buffer.byteLength(clean)).toBeLessThanOrEqual(cap)
        if (!clean.includes('[cut')) expect(clean).toBe(text.replaceAll('\0', '\\u0000').toWellFormed())
      }),
    )
  })
})

test('clip never cuts through a character', () => {
  expect(clip('abcdef', 4)).toBe('abc…')
  expect(clip('ab😀def', 4)).toBe('ab…')
  expect(clip('abcd', 4)).toBe('abcd')
})

const hostile = new Proxy(
  {},
  {
    get: () => expect.fail('read'),
    getPrototypeOf: () => {
      throw new Error('no')
    },
  },
)

test.each([
  ['text', '"text"'],
  ['a\u202eb\n\u2028', '"a\\u202eb\\n\\u2028"'],
  ['x'.repeat(100), `"${'x'.repeat(57)}…"`],
  ['\0'.repeat(100), `"${'\\u0000'.repeat(9)}…"`],
  [1.5, '1.5'],
  [-0, '-0'],
  [10n, '10n'],
  [10n ** 100n, `1${'0'.repeat(57)}…n`],
  [null, 'null'],
  [undefined, 'undefined'],
  [Symbol('a'), 'Symbol(a)'],
  [() => 1, 'a function'],
  [parseInt, 'the function parseInt'],
  [{ password: 'secret' }, 'an object'],
  [['secret'], 'an array of 1'],
  [new Map(), 'an instance of Map'],
  [new Date(0), '1970-01-01T00:00:00.000Z'],
  [new Date(Number.NaN), 'an invalid Date'],
  [hostile, 'a value that cannot be shown'],
])('preview (case %#) stays short and shows no contents', (value, expected) => {
  expect(preview(value)).toBe(expected)
  expect(preview(value).length).toBeLessThanOrEqual(60)
})

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1 KB'],
  [1536, '1.5 KB'],
  [1_048_575, '1 MB'],
  [3_565_160, '3.4 MB'],
  [5 * 1024 ** 4, '5 TB'],
  [5000 * 1024 ** 4, '5000 TB'],
])('formatBytes of %s', (bytes, expected) => {
  expect(formatBytes(bytes)).toBe(expected)
})
