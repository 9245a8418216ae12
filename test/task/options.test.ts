import { describe, expect, test } from 'vitest'
import { exponential, type TaskOptions } from '../../src/index.ts'
import { refusal } from '../base/refusal.ts'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'task_options' })
const apps = useApps(database)

type Refused = readonly [name: string, options: Record<string, unknown>, code: string, message: string]

const BOTH: readonly Refused[] = [
  ['queue that is empty', { queue: '' }, 'QUEUE_NAME_INVALID', 'queue name "" is empty'],
  ['queue that is no text', { queue: 7 }, 'QUEUE_NAME_INVALID', 'queue name 7 is not a string'],
  [
    'fraction as priority',
    { priority: 1.5 },
    'OPTION_INVALID',
    'priority must be an integer from -32768 to 32767; got 1.5',
  ],
  [
    'priority out of range',
    { priority: 40_000 },
    'OPTION_INVALID',
    'priority must be an integer from -32768 to 32767; got 40000',
  ],
  [
    'word as priority',
    { priority: 'high' },
    'OPTION_INVALID',
    'priority must be an integer from -32768 to 32767; got "high"',
  ],
  [
    'negative delay',
    { delay: -1 },
    'OPTION_INVALID',
    'delay must be a number of milliseconds >= 0 or a duration like "5m"; got -1',
  ],
  [
    'delay in words',
    { delay: '5 minutes' },
    'OPTION_INVALID',
    'delay must be a number of milliseconds >= 0 or a duration like "5m"; got "5 minutes"',
  ],
  [
    'NaN as delay',
    { delay: Number.NaN },
    'OPTION_INVALID',
    'delay must be a number of milliseconds >= 0 or a duration like "5m"; got NaN',
  ],
  [
    'expires in words',
    { expires: 'soon' },
    'OPTION_INVALID',
    'expires must be a number of milliseconds >= 0 or a duration like "5m"; got "soon"',
  ],
  [
    'invalid Date as expires',
    { expires: new Date(Number.NaN) },
    'OPTION_INVALID',
    'expires is an invalid Date',
  ],
  [
    'no attempts',
    { maxAttempts: 0 },
    'OPTION_INVALID',
    'maxAttempts must be an integer from 1 to 100000; got 0',
  ],
  [
    'endless attempts',
    { maxAttempts: Number.POSITIVE_INFINITY },
    'OPTION_INVALID',
    'maxAttempts must be an integer from 1 to 100000; got Infinity',
  ],
  [
    'time limit beyond a year',
    { timeLimit: '400d' },
    'OPTION_INVALID',
    'timeLimit is 400d; the limit is 365d',
  ],
  [
    'soft limit beyond the hard one',
    { timeLimit: '1s', softTimeLimit: '2s' },
    'OPTION_INVALID',
    'softTimeLimit is 2000ms, longer than the timeLimit of 1000ms',
  ],
  [
    'ignoreResult that is no boolean',
    { ignoreResult: 1 },
    'OPTION_INVALID',
    'ignoreResult must be true or false; got 1',
  ],
  [
    'negative resultTtl',
    { resultTtl: -5 },
    'OPTION_INVALID',
    'resultTtl must be a number of milliseconds >= 0 or a duration like "5m"; got -5',
  ],
  [
    'atMostOnce that is no boolean',
    { atMostOnce: 'yes' },
    'OPTION_INVALID',
    'atMostOnce must be true or false; got "yes"',
  ],
  [
    'labels that are a list',
    { labels: ['a'] },
    'OPTION_INVALID',
    'labels must be an object of strings; got an array of 1',
  ],
  [
    'label that is a number',
    { labels: { tenant: 7 } },
    'OPTION_INVALID',
    'labels.tenant must be a string; got 7',
  ],
  [
    'empty list of delays',
    { backoff: [] },
    'OPTION_INVALID',
    'backoff is an empty list; set maxAttempts to 1 for no retry',
  ],
  [
    'word as backoff',
    { backoff: 'fast' },
    'OPTION_INVALID',
    'backoff must be exponential({ … }), a list of durations or a function; got "fast"',
  ],
]

const OF_TASKS: readonly Refused[] = [
  [
    'unknown option',
    { retryOff: 3 },
    'OPTION_UNKNOWN',
    'unknown task option "retryOff"; did you mean "retryOn"?',
  ],
  ['option of calls', { id: 'x' }, 'OPTION_UNKNOWN', 'unknown task option "id"; '],
  [
    'retryOn that is no list',
    { retryOn: Error },
    'OPTION_INVALID',
    'retryOn must be a list of error classes or functions; got ',
  ],
  [
    'giveUpOn with a name',
    { giveUpOn: ['TypeError'] },
    'OPTION_INVALID',
    'giveUpOn must be a list of error classes or functions; got an array of 1',
  ],
  [
    'expected that is null',
    { expected: null },
    'OPTION_INVALID',
    'expected must be a list of error classes or functions; got null',
  ],
]

const OF_CALLS: readonly Refused[] = [
  [
    'unknown option',
    { piority: 3 },
    'OPTION_UNKNOWN',
    'unknown call option "piority"; did you mean "priority"?',
  ],
  [
    'B-32 both delay and runAt',
    { delay: '1s', runAt: new Date() },
    'OPTION_CONFLICT',
    'give delay or runAt, not both',
  ],
  ['runAt that is no date', { runAt: 'tomorow' }, 'OPTION_INVALID', 'runAt "tomorow" is not a date'],
  [
    'runAt without a zone',
    { runAt: '2030-01-01T10:00' },
    'OPTION_INVALID',
    'runAt "2030-01-01T10:00" has no time zone; end it with Z or an offset like +02:00',
  ],
  [
    'runAt beyond the calendar',
    { runAt: new Date(8.64e15) },
    'OPTION_INVALID',
    'runAt 275760-09-13 is after the year 9999',
  ],
  ['id that is no UUID', { id: '1; drop table' }, 'JOB_ID_INVALID', '"1; drop table" is not a job id'],
]

describe('task options', () => {
  test.each([...BOTH, ...OF_TASKS])('refuse %s', (_, options, code, message) => {
    const refused = refusal(() => apps.app().task('t', options as unknown as { priority: number }, () => 1))
    expect(refused.code).toBe(code)
    expect(refused.message.startsWith(message)).toBe(true)
    if (!message.endsWith(' ')) expect(refused.message).toBe(message)
  })

  test('report all problems at once', () => {
    const options = {
      queue: '',
      priority: 1.5,
      maxAttempts: 0,
      retryOff: 1,
      delay: -1,
    } as unknown as TaskOptions
    const refused = refusal(() => apps.app().task('t', options as { args?: never }, () => 1))
    expect(refused.code).toBe('OPTIONS_INVALID')
    expect(refused.message).toBe(
      [
        '5 options are wrong: unknown task option "retryOff"; did you mean "retryOn"?',
        'queue name "" is empty',
        'priority must be an integer from -32768 to 32767; got 1.5',
        'delay must be a number of milliseconds >= 0 or a duration like "5m"; got -1',
        'maxAttempts must be an integer from 1 to 100000; got 0',
      ].join(' · '),
    )
  })

  test('leave the name free when they are refused', () => {
    const app = apps.app()
    expect(() => app.task('t', { priority: 0.5 }, () => 1)).toThrow()
    expect(app.task('t', () => 1)()).toBe(1)
  })
})

describe('call options', () => {
  test.each([...BOTH, ...OF_CALLS])('refuse %s', (_, options, code, message) => {
    const task = apps.app().task('t', () => 1)
    expect(refusal(() => task.with(options))).toEqual({ code, message })
  })

  test('refuse a function as backoff, which cannot be stored', () => {
    const task = apps.app().task('t', () => 1)
    // @ts-expect-error: a function belongs on the task
    expect(refusal(() => task.with({ backoff: () => 1 }))).toMatchObject({ code: 'OPTION_INVALID' })
  })

  test('report all problems at once', () => {
    const task = apps.app().task('t', () => 1)
    const refused = refusal(() => task.with({ priority: 1.5, maxAttempts: 0 }))
    expect(refused).toEqual({
      code: 'OPTIONS_INVALID',
      message:
        '2 options are wrong: priority must be an integer from -32768 to 32767; got 1.5 · maxAttempts must be an integer from 1 to 100000; got 0',
    })
  })

  test('refuse a soft limit longer than the time limit of the task', () => {
    const task = apps.app().task('t', { timeLimit: '1s' }, () => 1)
    expect(refusal(() => task.with({ softTimeLimit: '2s' }))).toEqual({
      code: 'OPTION_INVALID',
      message: 'softTimeLimit is 2000ms, longer than the timeLimit of 1000ms',
    })
  })

  test('win over those of the task, the last with() over the first', async () => {
    const app = apps.app()
    const options = {
      queue: 'a',
      priority: 1,
      maxAttempts: 2,
      labels: { a: '1', b: '1' },
      delay: '1h',
    } as const
    const task = app.task('t', { ...options, backoff: exponential() }, () => 1)
    const first = task.with({ priority: 2, labels: { b: '2', c: '2' } })
    const second = first.with({ priority: 3, labels: { c: '3' }, runAt: '2040-01-01' })
    const [one, two, three] = await Promise.all(
      [task, first, second].map(async (call) => (await call.enqueue()).info()),
    )
    expect(one).toMatchObject({ queue: 'a', priority: 1, maxAttempts: 2, labels: { a: '1', b: '1' } })
    expect(two).toMatchObject({ queue: 'a', priority: 2, labels: { a: '1', b: '2', c: '2' } })
    expect(three).toMatchObject({ priority: 3, labels: { a: '1', b: '2', c: '3' } })
    expect(three?.runAt).toEqual(new Date('2040-01-01T00:00:00Z'))
  })

  test('leave the call they were made from as it is', async () => {
    const task = apps.app().task('t', () => 1)
    const first = task.with({ priority: 1 })
    first.with({ priority: 2 })
    expect((await (await first.enqueue()).info()).priority).toBe(1)
    expect((await (await task.enqueue()).info()).priority).toBe(0)
  })
})
