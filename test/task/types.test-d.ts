import { describe, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { Celeriac, currentJob, exponential, type JobContext, type JobHandle } from '../../src/index.ts'

const app = new Celeriac({ database: 'postgres://localhost/app' })
const add = app.task('add', (x: number, y: number) => x + y)
const later = app.task('later', { queue: 'mail' }, async (user: { id: string }) => ({ sent: user.id }))

describe('a task', () => {
  test('has the parameters and the awaited result of its handler', () => {
    expectTypeOf(add.enqueue).parameters.toEqualTypeOf<[x: number, y: number]>()
    expectTypeOf(add.enqueue(1, 2)).toEqualTypeOf<Promise<JobHandle<number>>>()
    expectTypeOf(later.enqueue({ id: 'a' })).toEqualTypeOf<Promise<JobHandle<{ sent: string }>>>()
    expectTypeOf<Awaited<ReturnType<JobHandle<number>['result']>>>().toEqualTypeOf<number>()
  })

  test('is still its function', () => {
    expectTypeOf(add(1, 2)).toEqualTypeOf<number>()
    expectTypeOf(later({ id: 'a' })).toEqualTypeOf<Promise<{ sent: string }>>()
  })

  test('refuses wrong and missing arguments', () => {
    // @ts-expect-error: a text is no number
    add.enqueue('1', 2)
    // @ts-expect-error: one is missing
    add.enqueue(1)
    // @ts-expect-error: one too many
    add.enqueue(1, 2, 3)
    // @ts-expect-error: called directly, too
    add(1)
    // @ts-expect-error: no id
    later.enqueue({})
  })

  test('refuses the wrong use of a result', async () => {
    const handle = await add.enqueue(1, 2)
    // @ts-expect-error: the result is a number
    const text: string = await handle.result()
    const settled = await handle.settled()
    if (settled.ok) expectTypeOf(settled.value).toEqualTypeOf<number>()
    // @ts-expect-error: there is a value only when it is ok
    else settled.value
    return text
  })

  test('keeps optional, default and rest parameters', () => {
    const optional = app.task('o', (x: number, y?: string) => `${x}${y}`)
    const rest = app.task('r', (...texts: string[]) => texts.length)
    optional.enqueue(1)
    optional.enqueue(1, 'a')
    rest.enqueue()
    rest.enqueue('a', 'b')
    // @ts-expect-error: not a text
    rest.enqueue(1)
  })

  test('without parameters takes none', () => {
    const none = app.task('n', () => undefined)
    none.enqueue()
    // @ts-expect-error: it takes none
    none.enqueue(1)
    expectTypeOf(none.enqueue()).toEqualTypeOf<Promise<JobHandle<undefined>>>()
  })

  test('passes the job first when it is bound, and callers do not', () => {
    const bound = app.task('b', { bind: true }, (job, path: string) => {
      expectTypeOf(job).toEqualTypeOf<JobContext>()
      return path.length
    })
    expectTypeOf(bound.enqueue).parameters.toEqualTypeOf<[path: string]>()
    expectTypeOf(bound.enqueue('a')).toEqualTypeOf<Promise<JobHandle<number>>>()
    expectTypeOf(bound('a')).toEqualTypeOf<number>()
  })

  test('is never thenable, nor are its calls and handles', () => {
    expectTypeOf(add).not.toHaveProperty('then')
    expectTypeOf(add.with({})).not.toHaveProperty('then')
    expectTypeOf<JobHandle<number>>().not.toHaveProperty('then')
  })

  test('leaks no any', () => {
    expectTypeOf<JobHandle>().toEqualTypeOf<JobHandle<unknown>>()
    expectTypeOf(app.job('x')).toEqualTypeOf<JobHandle<unknown>>()
    expectTypeOf<Awaited<ReturnType<JobHandle['result']>>>().toBeUnknown()
    expectTypeOf(currentJob().args).toEqualTypeOf<readonly unknown[]>()
    expectTypeOf<Awaited<ReturnType<JobHandle['info']>>['value']>().toBeUnknown()
    expectTypeOf(add.enqueue).parameter(0).not.toBeAny()
    expectTypeOf(add(1, 2)).not.toBeAny()
  })
})

describe('durations', () => {
  test('are written as a number and a unit', () => {
    add.with({ delay: '5m' })
    add.with({ delay: 300 })
    add.with({ delay: '1.5h', timeLimit: '30s', softTimeLimit: '500ms', resultTtl: '2w', expires: '1d' })
    // @ts-expect-error: words are no unit
    add.with({ delay: '5 minutes' })
    // @ts-expect-error: no unit
    add.with({ timeLimit: '30' })
    // @ts-expect-error: not here either
    app.task('t', { timeLimit: '5 minutes' }, () => 1)
    // @ts-expect-error: nor for waiting
    app.job('x').result({ timeout: 'soon' })
    // @ts-expect-error: nor in a backoff
    exponential({ base: '1 second' })
  })
})

describe('options', () => {
  test('are known by name and type', () => {
    // @ts-expect-error: unknown
    add.with({ retries: 3 })
    // @ts-expect-error: not a text
    add.with({ priority: 'high' })
    // @ts-expect-error: labels are texts
    add.with({ labels: { tenant: 7 } })
    // @ts-expect-error: a function cannot be stored with one call
    add.with({ backoff: () => 1 })
    // @ts-expect-error: belongs to the task
    add.with({ bind: true })
    // @ts-expect-error: belongs to a call
    app.task('t', { id: 'x' }, () => 1)
    // @ts-expect-error: unknown
    app.task('t', { retries: 3 }, () => 1)
    app.task(
      't',
      { backoff: (attempt) => attempt * 10, retryOn: [TypeError, (error) => error.message === ''] },
      () => 1,
    )
  })

  test('leave the type of the call as it is', () => {
    expectTypeOf(add.with({ delay: '5m' }).enqueue).parameters.toEqualTypeOf<[x: number, y: number]>()
    expectTypeOf(add.with({}).with({}).enqueue(1, 2)).toEqualTypeOf<Promise<JobHandle<number>>>()
    // @ts-expect-error: still two numbers
    add.with({ delay: '5m' }).enqueue('1', 2)
  })
})

describe('declare', () => {
  test('gives the task without its handler', () => {
    const declared = app.declare<(x: number, y?: string) => Promise<boolean>>('d')
    expectTypeOf(declared.enqueue(1, 'a')).toEqualTypeOf<Promise<JobHandle<boolean>>>()
    declared.with({ priority: 1 }).enqueue(1)
    // @ts-expect-error: a text is no number
    declared.enqueue('1')
    // @ts-expect-error: nothing here to call
    declared(1)
    // @ts-expect-error: belongs to the handler
    app.declare<() => void>('e', { bind: true })
  })
})

describe('args schema', () => {
  const schema = z.tuple([z.string().transform((text) => text.length), z.coerce.date()])

  test('types callers by its input and the handler by its output', () => {
    const task = app.task('s', { args: schema }, (length, at) => {
      expectTypeOf(length).toEqualTypeOf<number>()
      expectTypeOf(at).toEqualTypeOf<Date>()
      return at
    })
    expectTypeOf(task.enqueue).parameter(0).toEqualTypeOf<string>()
    expectTypeOf(task.enqueue('a', '2030-01-01')).toEqualTypeOf<Promise<JobHandle<Date>>>()
    expectTypeOf(task('a', '2030-01-01')).toEqualTypeOf<Promise<Date>>()
    // @ts-expect-error: the handler's number is the caller's text
    task.enqueue(1, '2030-01-01')
  })

  test('goes together with bind', () => {
    const task = app.task('s', { bind: true, args: schema }, (job, length, at) => {
      expectTypeOf(job).toEqualTypeOf<JobContext>()
      expectTypeOf(length).toEqualTypeOf<number>()
      return at.getTime() + length
    })
    expectTypeOf(task.enqueue('a', 1)).toEqualTypeOf<Promise<JobHandle<number>>>()
  })

  test('refuses a handler that wants something else', () => {
    // @ts-expect-error: the first one is a number by then
    app.task('s', { args: schema }, (length: string, _at: Date) => length)
  })
})

describe('enqueueMany', () => {
  test('takes tuples, in any iterable', async () => {
    expectTypeOf(
      add.enqueueMany([
        [1, 2],
        [3, 4],
      ]),
    ).toEqualTypeOf<Promise<JobHandle<number>[]>>()
    add.enqueueMany(new Set<[number, number]>())
    add.enqueueMany(
      (async function* () {
        yield [1, 2] as [number, number]
      })(),
    )
    // @ts-expect-error: a text is no number
    add.enqueueMany([[1, '2']])
    // @ts-expect-error: one is missing
    add.enqueueMany([[1]])
    // @ts-expect-error: not a tuple
    add.enqueueMany([1, 2])
  })
})

describe('app', () => {
  test('types a job by name as it is told', () => {
    expectTypeOf(app.enqueue<number>('add', [1, 2])).toEqualTypeOf<Promise<JobHandle<number>>>()
    expectTypeOf(app.enqueue('add', [1, 2])).toEqualTypeOf<Promise<JobHandle<unknown>>>()
    expectTypeOf(app.job<string>('x')).toEqualTypeOf<JobHandle<string>>()
  })

  test('types events by name', () => {
    app.on('job:failed', (event) => {
      expectTypeOf(event.jobId).toBeString()
      expectTypeOf(event.error).toBeUnknown()
    })
    // @ts-expect-error: no such fact
    app.on('job:done', () => undefined)
  })
})
