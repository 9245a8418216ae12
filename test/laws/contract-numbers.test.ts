import { describe, expect, test } from 'vitest'
import { CONTRACT, NOT_PROVEN } from './contract-numbers.ts'
import { FLOW, FLOW_NOT_PROVEN } from './flow-numbers.ts'
import { filesOf, withoutComments } from './sources.ts'

const files = filesOf('test', '.test.ts', '.test-d.ts').filter(({ path }) => !path.startsWith('test/laws/'))
/** Schedules number what they promise with a B; elsewhere that is bad input. */
const ofSchedules = files.filter(({ path }) => path.includes('schedule'))

/** Numbers that titles of tests name; those that a table of cases holds as text count as well. */
const named = new Set(files.flatMap(({ text }) => numbersInTexts(text, /\bC-\d+\b/g)))
const namedOfFlow = new Set([
  ...files.flatMap(({ text }) => numbersInTexts(text, /\b(?:T-8\d|T-109|S12|S46|S50|S89|W-8\d|R-\d+)\b/g)),
  ...ofSchedules.flatMap(({ text }) => numbersInTexts(text, /(?<!\bbad )\bB-\d+\b/g)),
])

describe.each([
  { what: 'canvases', promises: CONTRACT, excused: NOT_PROVEN, named },
  { what: 'flow control and schedules', promises: FLOW, excused: FLOW_NOT_PROVEN, named: namedOfFlow },
])('what $what promise is proven', ({ promises, excused, named }) => {
  test('each number has a test that names it, or a reason why not', () => {
    const open = Object.keys(promises).filter((number) => !named.has(number) && !(number in excused))
    expect(open.map((number) => `${number} ${promises[number]}`)).toEqual([])
  })

  test('none that is proven is excused', () => {
    expect(Object.keys(excused).filter((number) => named.has(number))).toEqual([])
  })

  test('every number that is named or excused is one of them', () => {
    const strangers = [...named, ...Object.keys(excused)].filter((number) => !(number in promises))
    expect(strangers).toEqual([])
  })
})

test('a number outside of a text proves nothing', () => {
  const source = "test('C-1 a title', () => value(C-2)) // C-3\nconst cases = [[`C-4 a title`, 4]]"
  expect(numbersInTexts(source, /\bC-\d+\b/g)).toEqual(['C-1', 'C-4'])
})

/** Numbers within the texts of some code; not those of its comments. */
function numbersInTexts(code: string, numbers: RegExp): string[] {
  const texts =
    withoutComments(code).match(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? []
  return texts.flatMap((text) => text.match(numbers) ?? [])
}
