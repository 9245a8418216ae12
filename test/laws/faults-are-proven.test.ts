import { describe, expect, test } from 'vitest'
import { LANES } from '../torture/lanes.ts'
import { BAD_INPUT, type Entry, FAULTS } from './fault-catalogue.ts'
import { filesOf, withoutComments } from './sources.ts'

const CATALOGUE: readonly (readonly [number: string, entry: Entry])[] = [
  ...Object.entries(FAULTS),
  ...Object.entries(BAD_INPUT),
]

const ANY = /\b[FB]-\d\d[a-d]?\b/g
/** What schedules promise has numbers with a B as well; bad input is called bad there. */
const OF_SCHEDULES = /\bF-\d\d[a-d]?\b|(?<=\bbad )B-\d\d\b/g

/** Numbers that titles of tests name; those of a table of cases count as well. */
const named = new Set(
  filesOf('test', '.ts')
    .filter(({ path }) => !path.startsWith('test/laws/'))
    .flatMap(
      ({ path, text }) => withoutComments(text).match(path.includes('schedule') ? OF_SCHEDULES : ANY) ?? [],
    ),
)

const isProven = ([number, { lanes = [] }]: readonly [string, Entry]): boolean =>
  named.has(number) || lanes.length > 0

describe('faults are proven', () => {
  test('each has a test with its number, a lane of the torture, or a reason why not', () => {
    const open = CATALOGUE.filter((one) => !isProven(one) && one[1].not === undefined)
    expect(open.map(([number, { what }]) => `${number} ${what}`)).toEqual([])
  })

  test('none that is proven is excused', () => {
    const excused = CATALOGUE.filter((one) => isProven(one) && one[1].not !== undefined)
    expect(excused.map(([number, { not }]) => `${number} ${not}`)).toEqual([])
  })

  test('every number in a title is in the catalogue', () => {
    const known = new Set(CATALOGUE.map(([number]) => number))
    expect([...named].filter((number) => !known.has(number))).toEqual([])
  })

  test('every lane that proves one is there', () => {
    const lanes = CATALOGUE.flatMap(([, entry]) => entry.lanes ?? [])
    expect(lanes.filter((lane) => !(lane in LANES))).toEqual([])
  })
})
