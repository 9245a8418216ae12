import { describe, expect, test } from 'vitest'
import { CONTRACT, NOT_PROVEN } from './contract-numbers.ts'
import { filesOf, withoutComments } from './sources.ts'

/** Numbers that titles of tests name; those that a table of cases holds as text count as well. */
const named = new Set(
  filesOf('test', '.test.ts', '.test-d.ts')
    .filter(({ path }) => !path.startsWith('test/laws/'))
    .flatMap(({ text }) => numbersInTexts(text)),
)

describe('what canvases promise is proven', () => {
  test('each number has a test that names it, or a reason why not', () => {
    const open = Object.keys(CONTRACT).filter((number) => !named.has(number) && !(number in NOT_PROVEN))
    expect(open.map((number) => `${number} ${CONTRACT[number]}`)).toEqual([])
  })

  test('none that is proven is excused', () => {
    expect(Object.keys(NOT_PROVEN).filter((number) => named.has(number))).toEqual([])
  })

  test('every number that is named or excused is one of them', () => {
    const strangers = [...named, ...Object.keys(NOT_PROVEN)].filter((number) => !(number in CONTRACT))
    expect(strangers).toEqual([])
  })

  test('a number outside of a text proves nothing', () => {
    const source = "test('C-1 a title', () => value(C-2)) // C-3\nconst cases = [[`C-4 a title`, 4]]"
    expect(numbersInTexts(source)).toEqual(['C-1', 'C-4'])
  })
})

/** Numbers within the texts of some code; not those of its comments. */
function numbersInTexts(code: string): string[] {
  const texts =
    withoutComments(code).match(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? []
  return texts.flatMap((text) => text.match(/\bC-\d+\b/g) ?? [])
}
