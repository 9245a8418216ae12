import { describe, expect, test } from 'vitest'
import { differences } from '../../src/base/json-differences.ts'

describe('differences of JSON', () => {
  test.each([
    [1, 1, []],
    [null, {}, ['$']],
    [[], {}, ['$']],
    [[1, 2], [1, 3], ['$[1]']],
    [[1], [1, null], ['$[1]']],
    [{ a: 1, b: { c: [1] } }, { b: { c: [2] }, a: 1 }, ['$.b.c[0]']],
    [{ a: undefined }, {}, ['$.a']],
    [{ 'a b': 1 }, { 'a b': 2 }, ['$["a b"]']],
    [{ a: 0 }, { a: -0 }, ['$.a']],
    ['a', 'b', ['$']],
  ])('%j and %j', (one, other, paths) => {
    expect(differences(one, other)).toEqual(paths)
  })

  test('are a hundred at most', () => {
    const list = Array.from({ length: 500 }, (_, n) => n)
    expect(differences(list, [])).toHaveLength(100)
    expect(differences(list.map(String), list)).toHaveLength(100)
  })
})
