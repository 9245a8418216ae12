import { describe, expect, test } from 'vitest'
import { CeleriacError, type ErrorCode } from '../../src/base/errors.ts'
import { assertJobId } from '../../src/base/ids.ts'
import { assertQueueName, assertSchemaName, assertTaskName, nearest } from '../../src/base/names.ts'
import {
  allAtOnce,
  flag,
  instant,
  integer,
  labels,
  oneOf,
  refuseUnknown,
  text,
} from '../../src/base/options.ts'
import { refusal } from './refusal.ts'

const priority = (value: unknown) => integer(value, 'priority', -32_768, 32_767)
const maxAttempts = (value: unknown) => integer(value, 'maxAttempts', 1, 100_000)
const runAt = (value: unknown) => instant(value, 'runAt')
const known = ['queue', 'retries', 'priority']

const REFUSED: readonly (readonly [string, () => unknown, ErrorCode, string])[] = [
  [
    'B-20 bidi',
    () => assertTaskName('a\u202eb'),
    'NAME_INVALID',
    'task name "a\\u202eb" contains U+202E; allowed are letters, digits and . _ - : / (1 to 200)',
  ],
  [
    'B-20 control',
    () => assertTaskName('a\nb'),
    'NAME_INVALID',
    'task name "a\\nb" contains U+000A; allowed are letters, digits and . _ - : / (1 to 200)',
  ],
  [
    'B-20 NUL',
    () => assertTaskName('\0'),
    'NAME_INVALID',
    'task name "\\u0000" contains U+0000; allowed are letters, digits and . _ - : / (1 to 200)',
  ],
  [
    'B-20 lone surrogate',
    () => assertTaskName('\uD83D'),
    'NAME_INVALID',
    'task name "\\ud83d" contains U+D83D; allowed are letters, digits and . _ - : / (1 to 200)',
  ],
  [
    'B-20 quote',
    () => assertTaskName('a"b'),
    'NAME_INVALID',
    'task name "a\\"b" contains U+0022; allowed are letters, digits and . _ - : / (1 to 200)',
  ],
  ['B-20 empty', () => assertTaskName(''), 'NAME_INVALID', 'task name "" is empty'],
  [
    'B-20 long',
    () => assertTaskName('a'.repeat(201)),
    'NAME_INVALID',
    `task name "${'a'.repeat(57)}…" has 201 characters; the limit is 200`,
  ],
  ['B-20 no string', () => assertTaskName(undefined), 'NAME_INVALID', 'task name undefined is not a string'],
  ['B-21 empty', () => assertQueueName(''), 'QUEUE_NAME_INVALID', 'queue name "" is empty'],
  [
    'B-21 long',
    () => assertQueueName('q'.repeat(101)),
    'QUEUE_NAME_INVALID',
    `queue name "${'q'.repeat(57)}…" has 101 characters; the limit is 100`,
  ],
  [
    'B-22 injection',
    () => assertSchemaName('x";drop'),
    'SCHEMA_NAME_INVALID',
    'schema name "x\\";drop" may contain only a-z, 0-9 and _, start with a letter, not with pg_, at most 40 bytes',
  ],
  [
    'B-22 pg_',
    () => assertSchemaName('pg_catalog'),
    'SCHEMA_NAME_INVALID',
    'schema name "pg_catalog" may contain only a-z, 0-9 and _, start with a letter, not with pg_, at most 40 bytes',
  ],
  [
    'B-22 capital',
    () => assertSchemaName('A'),
    'SCHEMA_NAME_INVALID',
    'schema name "A" may contain only a-z, 0-9 and _, start with a letter, not with pg_, at most 40 bytes',
  ],
  [
    'B-22 newline',
    () => assertSchemaName('a\n'),
    'SCHEMA_NAME_INVALID',
    'schema name "a\\n" may contain only a-z, 0-9 and _, start with a letter, not with pg_, at most 40 bytes',
  ],
  [
    'B-22 long',
    () => assertSchemaName('a'.repeat(41)),
    'SCHEMA_NAME_INVALID',
    `schema name "${'a'.repeat(41)}" may contain only a-z, 0-9 and _, start with a letter, not with pg_, at most 40 bytes`,
  ],
  [
    'B-30 fraction',
    () => priority(1.5),
    'OPTION_INVALID',
    'priority must be an integer from -32768 to 32767; got 1.5',
  ],
  [
    'B-30 large',
    () => priority(40_000),
    'OPTION_INVALID',
    'priority must be an integer from -32768 to 32767; got 40000',
  ],
  [
    'B-30 text',
    () => priority('high'),
    'OPTION_INVALID',
    'priority must be an integer from -32768 to 32767; got "high"',
  ],
  ['B-31 no date', () => runAt('tomorow'), 'OPTION_INVALID', 'runAt "tomorow" is not a date'],
  ['B-31 a digit', () => runAt('1'), 'OPTION_INVALID', 'runAt "1" is not a date'],
  [
    'B-31 31st of February',
    () => runAt('2026-02-31T00:00:00Z'),
    'OPTION_INVALID',
    'runAt "2026-02-31T00:00:00Z" is not a date',
  ],
  [
    'B-31 no zone',
    () => runAt('2026-02-03T10:00'),
    'OPTION_INVALID',
    'runAt "2026-02-03T10:00" has no time zone; end it with Z or an offset like +02:00',
  ],
  ['B-31 invalid Date', () => runAt(new Date('x')), 'OPTION_INVALID', 'runAt is an invalid Date'],
  ['B-31 object', () => runAt({}), 'OPTION_INVALID', 'runAt an object is not a date'],
  [
    'B-33 late',
    () => runAt(new Date(8.64e15)),
    'OPTION_INVALID',
    'runAt 275760-09-13 is after the year 9999',
  ],
  [
    'B-33 late text',
    () => runAt('+275760-09-13T00:00:00Z'),
    'OPTION_INVALID',
    'runAt 275760-09-13 is after the year 9999',
  ],
  ['B-33 early', () => runAt(-1), 'OPTION_INVALID', 'runAt 1969-12-31 is before the year 1970'],
  ['B-33 infinity', () => runAt('infinity'), 'OPTION_INVALID', 'runAt "infinity" is not a date'],
  ['B-33 Infinity', () => runAt(Number.POSITIVE_INFINITY), 'OPTION_INVALID', 'runAt Infinity is not a date'],
  [
    'B-35 zero',
    () => maxAttempts(0),
    'OPTION_INVALID',
    'maxAttempts must be an integer from 1 to 100000; got 0',
  ],
  [
    'B-35 Infinity',
    () => maxAttempts(Number.POSITIVE_INFINITY),
    'OPTION_INVALID',
    'maxAttempts must be an integer from 1 to 100000; got Infinity',
  ],
  [
    'B-37 near',
    () => refuseUnknown({ retires: 1 }, known, 'task'),
    'OPTION_UNKNOWN',
    'unknown task option "retires"; did you mean "retries"?',
  ],
  [
    'B-37 far',
    () => refuseUnknown({ zebra: 1 }, known, 'task'),
    'OPTION_UNKNOWN',
    'unknown task option "zebra"; known are queue, retries, priority',
  ],
  [
    'B-37 no bag',
    () => refuseUnknown([], known, 'task'),
    'OPTION_INVALID',
    'task options must be an object; got an array of 0',
  ],
  [
    'B-38 long',
    () => text('é'.repeat(150), 'id', 255),
    'OPTION_INVALID',
    'id takes 300 bytes; the limit is 255',
  ],
  ['B-38 empty', () => text('', 'id', 255), 'OPTION_INVALID', 'id is empty'],
  [
    'B-38 NUL',
    () => text('a\0', 'id', 255),
    'OPTION_INVALID',
    'id contains U+0000 at index 1; PostgreSQL cannot store it',
  ],
  ['B-40 id', () => assertJobId('1; drop table'), 'JOB_ID_INVALID', '"1; drop table" is not a job id'],
  [
    'B-40 newline',
    () => assertJobId('0198c0de-0000-7000-8000-000000000000\n'),
    'JOB_ID_INVALID',
    '"0198c0de-0000-7000-8000-000000000000\\n" is not a job id',
  ],
  ['a flag', () => flag('yes', 'bind'), 'OPTION_INVALID', 'bind must be true or false; got "yes"'],
  [
    'a word',
    () => oneOf('kep', 'onConflict', ['keep', 'delete']),
    'OPTION_INVALID',
    'onConflict must be one of "keep", "delete"; got "kep"; did you mean "keep"?',
  ],
  [
    'labels that are a list',
    () => labels([]),
    'OPTION_INVALID',
    'labels must be an object of strings; got an array of 0',
  ],
  [
    'too many labels',
    () => labels(Object.fromEntries(Array.from({ length: 65 }, (_, n) => [n, 'x']))),
    'OPTION_INVALID',
    'labels has 65 entries; the limit is 64',
  ],
  [
    'a label that is a number',
    () => labels({ tenant: 1 }),
    'OPTION_INVALID',
    'labels.tenant must be a string; got 1',
  ],
  [
    'a long label',
    () => labels({ tenant: 'x'.repeat(1001) }),
    'OPTION_INVALID',
    'labels.tenant has 1001 characters; the limit is 1000',
  ],
  [
    'a label with NUL',
    () => labels({ tenant: 'a\0' }),
    'OPTION_INVALID',
    'labels.tenant contains U+0000 at index 1; PostgreSQL cannot store it',
  ],
  [
    'a label called __proto__',
    () => labels(JSON.parse('{"__proto__":"a"}')),
    'OPTION_INVALID',
    'labels has the key "__proto__"; copying it can change prototypes',
  ],
]

describe('options', () => {
  test.each(REFUSED)('refuses %s', (_, act, code, message) => {
    expect(refusal(act)).toEqual({ code, message })
  })

  test('accepts what lies on its bounds', () => {
    expect([priority(-32_768), priority(32_767), maxAttempts(1)]).toEqual([-32_768, 32_767, 1])
    expect(assertTaskName('módulo.エラー:v1/a_b-c')).toBe('módulo.エラー:v1/a_b-c')
    expect(assertTaskName('a'.repeat(200))).toHaveLength(200)
    expect(assertSchemaName(`a${'0'.repeat(39)}`)).toHaveLength(40)
    expect(assertJobId('0198C0DE-0000-7000-8000-000000000000')).toBe('0198c0de-0000-7000-8000-000000000000')
    expect(labels({ tenant: 'acme', empty: '' })).toEqual({ tenant: 'acme', empty: '' })
    expect(() => refuseUnknown({ queue: 1 }, known, 'task')).not.toThrow()
  })

  test.each([
    ['2026-02-28', '2026-02-28T00:00:00.000Z'],
    ['2026-02-28T10:00+02:00', '2026-02-28T08:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    [0, '1970-01-01T00:00:00.000Z'],
    [new Date(5), '1970-01-01T00:00:00.005Z'],
  ])('reads the instant %s', (given, expected) => {
    expect(runAt(given).toISOString()).toBe(expected)
  })
})

describe('allAtOnce', () => {
  const resolve = (given: { queue?: unknown; priority?: unknown }) =>
    allAtOnce((check) => ({
      queue: check(() => assertQueueName(given.queue ?? 'default'), 'default'),
      priority: check(() => priority(given.priority ?? 0), 0),
    }))

  test('returns what was resolved', () => {
    expect(resolve({ priority: 3 })).toEqual({ queue: 'default', priority: 3 })
  })

  test('throws a single problem as it is', () => {
    expect(refusal(() => resolve({ queue: '' }))).toEqual({
      code: 'QUEUE_NAME_INVALID',
      message: 'queue name "" is empty',
    })
  })

  test('reports several problems together', () => {
    const act = () => resolve({ queue: '', priority: 'x' })
    expect(refusal(act)).toEqual({
      code: 'OPTIONS_INVALID',
      message:
        '2 options are wrong: queue name "" is empty · priority must be an integer from -32768 to 32767; got "x"',
    })
    expect(act).toThrow(
      expect.objectContaining({
        details: { problems: [expect.any(CeleriacError), expect.any(CeleriacError)] },
      }),
    )
  })

  test('lets other errors through', () => {
    const bug = new TypeError('bug')
    const act = () =>
      allAtOnce((check) =>
        check(() => {
          throw bug
        }, 0),
      )
    expect(act).toThrow(bug)
  })
})

describe('nearest', () => {
  test.each([
    ['emal.send', ['email.send', 'email.end', 'sms.send'], 'email.send'],
    ['retires', ['retries', 'queue'], 'retries'],
    ['EMAIL', ['email'], 'email'],
    ['zebra', ['queue'], null],
    ['ab', ['ac'], null],
    ['', ['a'], null],
    ['x'.repeat(10_000), ['x'], null],
  ])('of %s', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected)
  })
})
