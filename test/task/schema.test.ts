import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { JobFailedError } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'task_schema' })
const apps = useApps(database)

async function rows(): Promise<number> {
  const [row] = await database.query<{ jobs: number }>(
    'select count(*)::int as jobs from celeriac.job_detail',
  )
  return row?.jobs ?? -1
}

describe('args schema', () => {
  test('B-14 refuses wrong args before anything is written, with the issues', async () => {
    const app = apps.app()
    const before = await rows()
    const send = app.task('email.send', { args: z.tuple([z.object({ to: z.string() })]) }, () => 1)
    const refused = send.enqueue({ to: 7 as unknown as string })
    expect(await rejection(refused)).toEqual({
      name: 'CeleriacError',
      code: 'ARGS_REJECTED',
      message:
        'arguments of "email.send" are invalid: $[0].to: Invalid input: expected string, received number',
    })
    await expect(refused).rejects.toMatchObject({ details: { issues: [{ path: [0, 'to'] }] } })
    expect(await rows()).toBe(before)
  })

  test('names every issue', async () => {
    const task = apps.app().task('t', { args: z.tuple([z.number(), z.string()]) }, () => 1)
    const { message } = await rejection(task.enqueue('a' as unknown as number, 1 as unknown as string))
    expect(message).toBe(
      'arguments of "t" are invalid: $[0]: Invalid input: expected number, received string; $[1]: Invalid input: expected string, received number',
    )
  })

  test('may be asynchronous', async () => {
    const app = apps.app()
    const free = z.string().refine(async (name) => name !== 'taken', 'is taken')
    const task = app.task('t', { args: z.tuple([free]) }, (name) => name)
    await apps.worker(app)
    expect(await (await task.enqueue('free')).result()).toBe('free')
    expect((await rejection(task.enqueue('taken'))).message).toBe(
      'arguments of "t" are invalid: $[0]: is taken',
    )
  })

  test('stores what was given and hands over what it makes of it', async () => {
    const app = apps.app()
    const trimmed = z.string().transform((text) => text.length)
    const task = app.task('t', { args: z.tuple([trimmed, z.coerce.date()]) }, (length, at) => [
      length,
      at instanceof Date,
    ])
    const handle = await task.enqueue('four', '2030-01-01')
    expect((await handle.info()).args).toEqual(['four', '2030-01-01'])
    await apps.worker(app)
    expect(await handle.result()).toEqual([4, true])
  })

  test('may fill in what was left out', async () => {
    const app = apps.app()
    const task = app.task('t', { args: z.tuple([z.number(), z.number().default(40)]) }, (x, y) => x + y)
    await apps.worker(app)
    // Zod lets the end of a tuple be left out when it has a default; whether that is enough is for the schema to say.
    const call = task as unknown as { enqueue(x: number): ReturnType<typeof task.enqueue> }
    expect(await (await call.enqueue(2)).result()).toBe(42)
  })

  test('goes together with bind', async () => {
    const app = apps.app()
    const task = app.task('t', { bind: true, args: z.tuple([z.string()]) }, (job, text) => [job.task, text])
    await apps.worker(app)
    expect(await (await task.enqueue('a')).result()).toEqual(['t', 'a'])
  })

  test('B-15 fails a row that was written by SQL, at once and without calling the handler', async () => {
    const app = apps.app()
    let calls = 0
    app.task('strict', { args: z.tuple([z.number()]), maxAttempts: 5 }, () => {
      calls += 1
    })
    await apps.worker(app)
    const [row] = await database.query<{ id: string }>(
      `select celeriac.enqueue('strict', '["no number"]') as id`,
    )
    const settled = await app.job(row?.id ?? '').settled({ timeout: '5s' })
    expect(settled.ok).toBe(false)
    const error = settled.ok ? null : settled.error
    expect(error).toBeInstanceOf(JobFailedError)
    expect(error).toMatchObject({ attempt: 1, cause: { code: 'ARGS_REJECTED' } })
    expect(error?.message).toContain('$[0]: Invalid input: expected number, received string')
    expect(calls).toBe(0)
  })

  test('fails a row whose args are no list', async () => {
    const app = apps.app()
    app.task('strict', () => 1)
    const handle = await app.enqueue('strict')
    await database.query(`update celeriac.jobs set args = '{"a": 1}' where id = $1`, [handle.id])
    await apps.worker(app)
    await expect(handle.result({ timeout: '5s' })).rejects.toMatchObject({
      attempt: 1,
      cause: { code: 'DECODE_FAILED', message: 'stored arguments cannot be read: $ is not an array' },
    })
  })

  test('is checked for each item of many', async () => {
    const before = await rows()
    const task = apps.app().task('t', { args: z.tuple([z.number()]) }, () => 1)
    const items = Array.from({ length: 10 }, (_, n) => [n === 6 ? ('x' as unknown as number) : n] as [number])
    expect(await rejection(task.enqueueMany(items))).toMatchObject({
      code: 'ARGS_REJECTED',
      message:
        'item 7 of 10: arguments of "t" are invalid: $[0]: Invalid input: expected number, received string; nothing was enqueued',
    })
    expect(await rows()).toBe(before)
  })

  test('is checked when the task is called directly', async () => {
    const task = apps.app().task('t', { args: z.tuple([z.string().transform(Number)]) }, (n) => n + 1)
    expect(await task('41')).toBe(42)
    expect(await rejection(Promise.resolve(task(41 as unknown as string)))).toMatchObject({
      code: 'ARGS_REJECTED',
    })
  })

  test('is any Standard Schema; what it throws is thrown', async () => {
    const broken: StandardSchemaV1<readonly [number], readonly [number]> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new TypeError('schema is broken')
        },
      },
    }
    const task = apps.app().task('t', { args: broken }, () => 1)
    expect(await rejection(task.enqueue(1))).toMatchObject({ name: 'TypeError', message: 'schema is broken' })
  })
})
