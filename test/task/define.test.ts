import { describe, expect, test } from 'vitest'
import { CeleriacError, currentJob, type JobContext } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'task_define' })
const apps = useApps(database)

async function rows(): Promise<number> {
  const [row] = await database.query<{ jobs: number }>(
    'select count(*)::int as jobs from celeriac.job_detail',
  )
  return row?.jobs ?? -1
}

describe('task', () => {
  test('takes a name and a handler', async () => {
    const app = apps.app()
    const add = app.task('add', (x: number, y: number) => x + y)
    await apps.worker(app)
    expect(await (await add.enqueue(2, 3)).result()).toBe(5)
  })

  test('takes options between name and handler', async () => {
    const app = apps.app()
    const add = app.task('add', { queue: 'sums', priority: 7 }, (x: number, y: number) => x + y)
    const handle = await add.enqueue(2, 3)
    expect(await handle.info()).toMatchObject({ queue: 'sums', priority: 7, args: [2, 3] })
    await apps.worker(app, { queues: ['sums'] })
    expect(await handle.result()).toBe(5)
  })

  test('has the name of the task and no then', () => {
    const task = apps.app().task('a.b', () => 1)
    expect(task.name).toBe('a.b')
    expect('then' in task).toBe(false)
    expect('then' in task.with({ priority: 1 })).toBe(false)
  })

  test('keeps names that objects have', async () => {
    const app = apps.app()
    for (const name of ['constructor', 'toString', '__proto__'])
      app.task(name.replaceAll('__', 'x'), () => name)
    expect(app.tasks).toEqual(['constructor', 'toString', 'xprotox'])
  })

  test('is still a function: called directly it runs here, without a row', async () => {
    const app = apps.app()
    const before = await rows()
    const add = app.task('add', (x: number, y: number) => x + y)
    const later = app.task('later', async (x: number) => x * 2)
    const fails = app.task('fails', () => {
      throw new RangeError('no')
    })
    expect(add(2, 3)).toBe(5)
    expect(await later(4)).toBe(8)
    expect(() => fails()).toThrow(new RangeError('no'))
    expect(await rows()).toBe(before)
  })

  test('gives a context to a task that is called directly', () => {
    const app = apps.app()
    const bound = app.task('bound', { bind: true }, (job, x: number) => {
      job.progress({ half: true })
      return [job.task, job.attempt, job.worker, job.signal.aborted, currentJob() === job, x]
    })
    expect(bound(1)).toEqual(['bound', 1, null, false, true, 1])
  })

  test('throws control to the caller of a task that is called directly', () => {
    const app = apps.app()
    const discards = app.task('discards', { bind: true }, (job) => job.discard('useless'))
    expect(() => discards()).toThrow(expect.objectContaining({ code: 'JOB_DISCARDED' }))
  })

  test('passes the context first when it is bound', async () => {
    const app = apps.app()
    const bound = app.task('bound', { bind: true }, (job, x: number) => ({ id: job.id, x }))
    await apps.worker(app)
    const handle = await bound.enqueue(4)
    expect(await handle.result()).toEqual({ id: handle.id, x: 4 })
  })

  test('B-25 refuses a second handler for a name, and says where both are', () => {
    const app = apps.app()
    app.task('twice', () => 1)
    let error: unknown
    try {
      app.task('twice', () => 2)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(CeleriacError)
    const { code, message } = error as CeleriacError
    expect(code).toBe('TASK_EXISTS')
    expect(message).toMatch(
      /^task "twice" is defined twice: .*define\.test\.ts:\d+ and .*define\.test\.ts:\d+$/,
    )
  })

  test('refuses a handler that is none', () => {
    const app = apps.app()
    // @ts-expect-error: plain JavaScript can do this
    expect(() => app.task('bad', { queue: 'a' })).toThrow(
      'handler of task "bad" must be a function: app.task(name, handler) or app.task(name, options, handler)',
    )
  })

  test('refuses a name nobody could type', () => {
    const app = apps.app()
    expect(() => app.task('', () => 1)).toThrow('task name "" is empty')
    expect(() => app.task('a b', () => 1)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
  })

  test('does not count a parameter that has a default', async () => {
    const app = apps.app()
    // The default alone gives the parameter no type next to a generic.
    const add = app.task('a', (x: number, y: number = 40) => x + y)
    await apps.worker(app)
    expect(await (await add.enqueue(2)).result()).toBe(42)
  })

  // It counts in `function.length`, so that the number of arguments is for the types to check.
  test('does not ask for a parameter that is optional', async () => {
    const app = apps.app()
    const greet = app.task('a', (name: string, title?: string) => `${title ?? ''}${name}`)
    expect((await greet.enqueue('Ada')).id).toBeTypeOf('string')
  })
})

describe('currentJob', () => {
  test('is there at any depth of calls', async () => {
    const app = apps.app()
    const deep = async (): Promise<string> => {
      await new Promise((resolve) => setImmediate(resolve))
      return currentJob().id
    }
    const task = app.task('deep', async () => (await Promise.all([deep(), deep()]))[1])
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result()).toBe(handle.id)
  })

  test('is never that of a job that runs beside', async () => {
    const app = apps.app()
    const task = app.task('beside', async (n: number) => {
      const seen: unknown[] = []
      for (let turn = 0; turn < 20; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve))
        seen.push(currentJob().args[0])
      }
      return seen.every((value) => value === n)
    })
    await apps.worker(app, { concurrency: 20 })
    const handles = await task.enqueueMany(Array.from({ length: 60 }, (_, n) => [n]))
    const results = await Promise.all(handles.map((handle) => handle.result()))
    expect(results.every((same) => same)).toBe(true)
  })

  test('is refused outside of a job', () => {
    expect(() => currentJob()).toThrow(expect.objectContaining({ code: 'NOT_IN_JOB' }))
  })

  test('knows all there is to know of the job', async () => {
    const app = apps.app()
    const told: Record<string, unknown>[] = []
    const tell = (job: JobContext): void => {
      const { id, task, queue, args, attempt, maxAttempts, priority, labels, rootId, parentId, worker } = job
      const { enqueuedAt, claimedAt } = job
      told.push({ id, task, queue, args, attempt, maxAttempts, priority, labels, rootId, parentId, worker })
      expect(claimedAt.getTime()).toBeGreaterThanOrEqual(enqueuedAt.getTime())
      expect(Math.abs(claimedAt.getTime() - Date.now())).toBeLessThan(10_000)
    }
    const task = app.task('told', { bind: true, labels: { team: 'a', tenant: 'none' } }, (job, _: number) =>
      tell(job),
    )
    const worker = await apps.worker(app, { queues: ['q'], name: 'teller' })
    const handle = await task
      .with({ queue: 'q', priority: 3, maxAttempts: 2, labels: { tenant: 'acme' } })
      .enqueue(9)
    await handle.result()
    expect(told).toEqual([
      {
        id: handle.id,
        task: 'told',
        queue: 'q',
        args: [9],
        attempt: 1,
        maxAttempts: 2,
        priority: 3,
        labels: { team: 'a', tenant: 'acme' },
        rootId: handle.id,
        parentId: null,
        worker: { id: worker.id, name: 'teller' },
      },
    ])
  })
})

describe('declare', () => {
  test('enqueues for a process that has the code', async () => {
    const producer = apps.app()
    const consumer = apps.app()
    const add = producer.declare<(x: number, y: number) => number>('declared.add', { queue: 'declared' })
    consumer.task('declared.add', (x: number, y: number) => x + y)
    await apps.worker(consumer, { queues: ['declared'] })
    expect(await (await add.enqueue(20, 22)).result()).toBe(42)
  })

  test('cannot be called directly', () => {
    const add = apps.app().declare<(x: number) => number>('declared.add')
    expect(() => (add as unknown as (x: number) => number)(1)).toThrow(
      'no task "declared.add" here; it is only declared in this process; enqueue it',
    )
  })

  test('is harmless beside the definition', async () => {
    const app = apps.app()
    const declared = app.declare<(x: number) => number>('both')
    app.task('both', (x: number) => x + 1)
    app.declare<(x: number) => number>('both')
    await apps.worker(app)
    expect(await (await declared.enqueue(1)).result()).toBe(2)
  })

  test('never runs what is only declared', async () => {
    const app = apps.app()
    const other = app.task('declared.other', () => 'ran')
    const handle = await app.declare<() => void>('declared.nowhere').enqueue()
    await apps.worker(app)
    await (await other.enqueue()).result()
    expect(await handle.state()).toBe('pending')
    await handle.cancel()
  })

  test('refuses options that need the handler', () => {
    // @ts-expect-error: bind belongs to the handler
    expect(() => apps.app().declare('x', { bind: true })).toThrow(
      expect.objectContaining({ code: 'OPTION_UNKNOWN' }),
    )
  })
})

describe('app.enqueue', () => {
  test('enqueues by name', async () => {
    const app = apps.app()
    app.task('named', (x: number) => x + 1)
    await apps.worker(app)
    const handle = await app.enqueue<number>('named', [1])
    expect(await handle.result()).toBe(2)
  })

  test('lends the options of a task that is known', async () => {
    const app = apps.app()
    app.task('named', { queue: 'lent', priority: 4, maxAttempts: 9 }, () => 1)
    const handle = await app.enqueue('named', [], { priority: 5 })
    expect(await handle.info()).toMatchObject({ queue: 'lent', priority: 5, maxAttempts: 9 })
  })

  test('takes the name of a task that is known elsewhere', async () => {
    const handle = await apps.app().enqueue('elsewhere', [{ a: 1 }], { labels: { a: 'b' } })
    expect(await handle.info()).toMatchObject({
      task: 'elsewhere',
      queue: 'default',
      args: [{ a: 1 }],
      labels: { a: 'b' },
    })
  })

  test.each([
    ['a text', 'abc'],
    ['an object', { x: 1 }],
    ['null', null],
  ])('refuses %s for the list of arguments', async (_, args) => {
    // @ts-expect-error: plain JavaScript can do this
    expect(await rejection(apps.app().enqueue('named', args))).toEqual({
      name: 'CeleriacError',
      code: 'ARGS_REJECTED',
      message: 'arguments of "named" are invalid: must be a list of positional arguments',
    })
  })
})
