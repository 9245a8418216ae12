import { CeleriacError } from '../base/errors.ts'
import { quote } from '../base/text.ts'

/** A field of a cron expression, read and checked. */
export interface CronField {
  /** As cron-parser reads it: a list of numbers, `*`, or what only it knows, such as `5L`. */
  readonly text: string
  /** Whether it was `*` or began with it: it then means "every", not "these". */
  readonly wildcard: boolean
}

/** The fields of a cron expression, in its order. */
export interface CronFields {
  readonly second: CronField
  readonly minute: CronField
  readonly hour: CronField
  readonly dayOfMonth: CronField
  readonly month: CronField
  readonly dayOfWeek: CronField
}

interface FieldKind {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
  /** What may stand there beside numbers, names, ranges and steps. */
  readonly special?: RegExp
  readonly specialHint?: string
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const FULL_MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const FULL_DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

const KINDS: readonly FieldKind[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31, special: /^L$/i },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 0, max: 7, names: DAYS, special: /^[0-7](L|#[1-5])$/i },
]

const ALIASES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const MOST_CHARACTERS = 256

/**
 * Reads a cron expression: 5 fields, 6 with seconds first, or an alias such as `@daily`.
 *
 * Stricter than cron-parser, which takes an empty text for every minute, and more generous: ranges wrap around, as
 * `22-2` in hours or `fri-mon` in days.
 * @throws {CeleriacError} `CRON_INVALID` naming the field and the column
 */
export function readCron(text: string): CronFields {
  const fail = (problem: string): CeleriacError =>
    new CeleriacError('CRON_INVALID', { cron: quote(text.slice(0, 100)), problem })
  if (text.length > MOST_CHARACTERS)
    throw fail(`has ${text.length} characters; the limit is ${MOST_CHARACTERS}`)
  const trimmed = text.trim()
  if (trimmed.startsWith('@')) {
    const expression = ALIASES[trimmed.toLowerCase()]
    if (expression !== undefined) return readCron(expression)
    throw fail(`there is no such alias; known are ${Object.keys(ALIASES).join(', ')}`)
  }
  const parts = [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], column: match.index + 1 }))
  if (parts.length !== 5 && parts.length !== 6) {
    throw fail(
      `must have 5 fields (minute hour day-of-month month day-of-week), or 6 with seconds first, not ${parts.length}`,
    )
  }
  const all = parts.length === 5 ? [{ text: '0', column: 0 }, ...parts] : parts
  const read = (index: number): CronField => {
    const [part, kind] = [all[index], KINDS[index]]
    if (part === undefined || kind === undefined) throw fail('is incomplete')
    return readField(part.text, kind, (problem, offset) =>
      fail(`${kind.name} ${problem} (column ${part.column + offset})`),
    )
  }
  return {
    second: read(0),
    minute: read(1),
    hour: read(2),
    dayOfMonth: read(3),
    month: read(4),
    dayOfWeek: read(5),
  }
}

type Fail = (problem: string, offset: number) => CeleriacError

function readField(text: string, kind: FieldKind, fail: Fail): CronField {
  if (text === '*') return { text: '*', wildcard: true }
  const numbers = new Set<number>()
  const special: string[] = []
  let offset = 0
  for (const item of text.split(',')) {
    if (item === '') throw fail('has an empty item in its list', offset)
    if (kind.special?.test(item) === true) special.push(item.toUpperCase().replace(/^7/, '0'))
    else for (const number of readItem(item, kind, fail, offset)) numbers.add(number)
    offset += item.length + 1
  }
  const alone = special.find((item) => item.includes('#'))
  if (alone !== undefined && (special.length > 1 || numbers.size > 0)) {
    throw fail(`can have ${alone} only alone`, 0)
  }
  const sorted = [...numbers].sort((one, other) => one - other)
  const whole = sorted.length === wholeSize(kind)
  return { text: whole ? '*' : [...sorted, ...special].join(','), wildcard: whole || text.startsWith('*') }
}

/** Day of week counts Sunday twice. */
function wholeSize({ min, max, names }: FieldKind): number {
  return names === DAYS ? 7 : max - min + 1
}

/** `*`, `5`, `mon`, `8-18`, `22-2`, `5/10`, and steps of them. */
function readItem(item: string, kind: FieldKind, fail: Fail, offset: number): number[] {
  const { min, max } = kind
  const [range = '', step, ...rest] = item.split('/')
  if (rest.length > 0) throw fail(`has more than one / in ${quote(item)}`, offset)
  const most = wholeSize(kind)
  const size = step === undefined ? 1 : /^\d{1,4}$/.test(step) ? Number(step) : Number.NaN
  if (!(size >= 1 && size <= most))
    throw fail(`must have a step of 1-${most}, got ${quote(step ?? '')}`, offset)
  // Sunday as 7 is for ranges that end with it: a whole week has it once.
  const last = kind.names === DAYS ? 6 : max
  if (range === '*') return upTo(min, last, size)
  const [from = '', to, ...more] = range.split('-')
  if (range.startsWith('-') || more.length > 0) throw fail(`must be ${min}-${max}, got ${range}`, offset)
  const first = readNumber(from, kind, fail, offset)
  if (to === undefined) return step === undefined ? [weekday(first, kind)] : upTo(first, last, size)
  const end = readNumber(to, kind, fail, offset + from.length + 1)
  if (first <= end) return upTo(first, end, size).map((number) => weekday(number, kind))
  const span = last - min + 1
  return upTo(first, end + span, size).map((number) => weekday(((number - min) % span) + min, kind))
}

function upTo(from: number, to: number, step: number): number[] {
  const numbers: number[] = []
  for (let number = from; number <= to; number += step) numbers.push(number)
  return numbers
}

function weekday(number: number, kind: FieldKind): number {
  return kind.names === DAYS ? number % 7 : number
}

function readNumber(text: string, kind: FieldKind, fail: Fail, offset: number): number {
  const { min, max } = kind
  if (/^\d{1,4}$/.test(text)) {
    const number = Number(text)
    if (number >= min && number <= max) return number
    throw fail(`must be ${min}-${max}, got ${text}`, offset)
  }
  const word = text.toLowerCase()
  const at = Math.max(kind.names?.indexOf(word) ?? -1, fullNames(kind).indexOf(word))
  if (at >= 0) return at + (kind.names === MONTHS ? 1 : 0)
  const names = kind.names === undefined ? '' : ` or ${kind.names[0]}-${kind.names.at(-1)}`
  throw fail(`must be ${min}-${max}${names}, got ${text === '' ? 'nothing' : quote(text)}`, offset)
}

function fullNames({ names }: FieldKind): readonly string[] {
  return names === MONTHS ? FULL_MONTHS : names === DAYS ? FULL_DAYS : []
}
