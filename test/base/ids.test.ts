import { afterEach, describe, expect, test, vi } from 'vitest'
import { isUuid, uuidv7 } from '../../src/base/ids.ts'

afterEach(() => {
  vi.useRealTimers()
})

const timeOf = (id: string) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

describe('uuidv7', () => {
  test('is a UUID of version 7 that tells its time', () => {
    const before = Date.now()
    const id = uuidv7()
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(timeOf(id)).toBeGreaterThanOrEqual(before)
    expect(timeOf(id)).toBeLessThanOrEqual(Date.now())
  })

  test('strictly ascends, also when 100,000 are made in one frozen millisecond', () => {
    vi.useFakeTimers({ now: Date.now() + 1000 })
    const ids = Array.from({ length: 100_000 }, uuidv7)
    for (let at = 1; at < ids.length; at += 1) {
      if ((ids[at] ?? '') <= (ids[at - 1] ?? '')) expect.fail(`${ids[at]} comes after ${ids[at - 1]}`)
    }
  })

  test('keeps ascending when the clock steps back', () => {
    const first = uuidv7()
    vi.useFakeTimers({ now: 0 })
    expect(uuidv7() > first).toBe(true)
  })

  test('uses every digit and variant', () => {
    const ids = Array.from({ length: 2000 }, uuidv7)
    for (let at = 19; at < 36; at += 1) {
      if (at === 23) continue
      expect(new Set(ids.map((id) => id[at])).size).toBe(at === 19 ? 4 : 16)
    }
  })
})

test.each([
  ['0198c0de-0000-7000-8000-000000000000', true],
  ['0198C0DE-0000-7000-8000-00000000000A', true],
  ['0198c0de00007000800000000000000000', false],
  ['{0198c0de-0000-7000-8000-000000000000}', false],
  ['0198c0de-0000-7000-8000-00000000000g', false],
  [5, false],
  [null, false],
])('isUuid of %s', (value, expected) => {
  expect(isUuid(value)).toBe(expected)
})
