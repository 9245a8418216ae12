import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type CallOptions, chain, chord, group, Signature } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'signature' })
const apps = useApps(database)

const ID = '019a0000-0000-7000-8000-00000000000a'
const count = async (): Promise<number> => {
  const [row] = await database.query<{ jobs: number }>('select count(*)::int as jobs from celeriac.jobs')
  return row?.jobs ?? -1
}

/** An app with the tasks of these tests. */
function tasks() {
  const app = apps.app()
  return {
    app,
    add: app.task('add', (x: number, y: number) => x + y),
    sub: app.task('sub', (x: number, y: number) => x - y),
    ident: app.task('ident', (value: unknown) => value),
    sum: app.task('sum', (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0)),
  }
}

/** What a call throws; fails when it does not. */
function thrown(call: () => unknown): { code?: string; message?: string } {
  try {
    call()
  } catch (error) {
    return { code: (error as { code?: string }).code ?? '', message: (error as Error).message }
  }
  throw new Error('it threw nothing')
}

describe('a signature', () => {
  test('C-1 is plain data, and enqueues nothing', async () => {
    const { add, sum } = tasks()
    const before = await count()
    expect(add.s(2, 2).data).toEqual({ kind: 'task', task: 'add', args: [2, 2] })
    expect(add.si(2, 2).data).toEqual({ kind: 'task', task: 'add', args: [2, 2], immutable: true })
    expect(chord([add.s(1, 1)], sum.s()).data).toEqual({
      kind: 'chord',
      header: { kind: 'group', members: [{ kind: 'task', task: 'add', args: [1, 1] }] },
      body: { kind: 'task', task: 'sum', args: [] },
    })
    expect(await count()).toBe(before)
  })

  test('C-2 of one task is enqueued as the task is', async () => {
    const { add } = tasks()
    const call = {
      queue: 'a',
      priority: 3,
      labels: { of: 'me' },
      maxAttempts: 2,
      expires: '1h',
    } satisfies CallOptions
    const plain = await (await add.with(call).enqueue(2, 2)).info()
    for (const signature of [add.s(2, 2).with(call), add.with(call).s(2, 2), add.with(call).si(2, 2)]) {
      const { id, rootId, enqueuedAt, runAt, expiresAt, ...row } = await (await signature.enqueue()).info()
      expect(rootId).toBe(id)
      expect({ ...plain, ...row }).toEqual(plain)
      expect(Object.keys(row)).toHaveLength(Object.keys(plain).length - 5)
      expect(enqueuedAt && runAt && expiresAt).toBeInstanceOf(Date)
    }
  })

  test('C-3 takes options again; the later win', async () => {
    const { add } = tasks()
    const job = await add.s(2, 2).with({ queue: 'a', priority: 1 }).with({ queue: 'b' }).enqueue()
    expect(await job.info()).toMatchObject({ queue: 'b', priority: 1 })
  })

  test('C-4 is not what a task called directly makes: that runs here, without a row', async () => {
    const { add } = tasks()
    const before = await count()
    expect(add(2, 2)).toBe(4)
    expect(await count()).toBe(before)
  })

  test('C-6 puts what it is enqueued with in front of its args', async () => {
    const { add, sub } = tasks()
    expect(await (await add.s(2).enqueue(4)).info()).toMatchObject({ args: [4, 2] })
    expect(await (await sub.s(2).enqueue(10)).info()).toMatchObject({ args: [10, 2] })
  })

  test('C-7 keeps an object argument as it is; a later one takes its place as a whole', async () => {
    const { app } = tasks()
    const configure = app.task('configure', (options: { debug: boolean; x?: number }) => options)
    expect(configure.s({ debug: true }).data).toMatchObject({ args: [{ debug: true }] })
    expect(await (await configure.s().enqueue({ debug: false, x: 1 })).info()).toMatchObject({
      args: [{ debug: false, x: 1 }],
    })
  })

  test('C-9 C-10 ignores what it is enqueued with when it is immutable, but not its options', async () => {
    const { add } = tasks()
    const job = await add.si(2, 2).with({ queue: 'a' }).enqueue(9)
    expect(await job.info()).toMatchObject({ args: [2, 2], queue: 'a' })
  })

  test('C-11 never changes: each method returns a new one', () => {
    const { add, sum } = tasks()
    const signature = add.s(2, 2)
    const before = JSON.stringify(signature)
    const others = [
      signature.with({ queue: 'a' }).with({ queue: 'b', delay: 1000 }).with({ runAt: 0 }),
      signature.link(add.s(1)),
      signature.linkError(sum.si([])),
      signature.optional(0),
      signature.pipe(add.s(1)),
      signature.clone(),
    ]
    expect(JSON.stringify(signature)).toBe(before)
    expect(new Set(others).has(signature)).toBe(false)
    expect(others[0]?.data.options).toEqual({ queue: 'b', runAt: new Date(0) })
    expect(Object.isFrozen(signature) && Object.isFrozen(signature.data)).toBe(true)
    expect(signature.with({ labels: { a: '1', b: '1' } }).with({ labels: { b: '2' } }).data.options).toEqual({
      labels: { a: '1', b: '2' },
    })
  })

  test('C-12 is cloned with args in front', () => {
    const { add } = tasks()
    const open = add.s(2).with({ queue: 'a' })
    expect(open.clone(4).data).toEqual({ kind: 'task', task: 'add', args: [4, 2], options: { queue: 'a' } })
    expect(open.data).toMatchObject({ args: [2] })
    expect(add.si(1, 2).clone(9).data).toMatchObject({ args: [1, 2] })
  })

  test('C-13 shares nothing: what it was made of may change', () => {
    const { add, ident } = tasks()
    const value = { list: [1], when: new Date(0), deep: { er: [{ x: 1 }] } }
    const options = { queue: 'a', labels: { a: '1' } }
    const signature = ident.s(value).with(options)
    value.list.push(2)
    value.when.setTime(5)
    Object.assign(value.deep.er, { 0: 'gone' })
    options.labels.a = '2'
    expect(signature.data).toMatchObject({
      args: [{ list: [1], when: new Date(0), deep: { er: [{ x: 1 }] } }],
      options: { labels: { a: '1' } },
    })
    const one = add.s(1)
    expect(chain(one, one, one).data).toMatchObject({ steps: [{ args: [1] }, { args: [1] }, { args: [1] }] })
    const { data } = chain(one, one)
    expect(data.kind === 'chain' && Object.isFrozen(data.steps)).toBe(true)
  })

  test('C-14 is enqueued any number of times, as another job each time', async () => {
    const { add } = tasks()
    const signature = add.s(2, 2)
    expect((await signature.enqueue()).id).not.toBe((await signature.enqueue()).id)
  })

  test('C-15 is enqueued once under an id of its own', async () => {
    const { add } = tasks()
    const signature = add.s(2, 2).with({ id: ID })
    expect((await signature.enqueue()).id).toBe(ID)
    expect(await rejection(signature.enqueue())).toMatchObject({ code: 'JOB_EXISTS' })
  })

  test('C-19 C-26 of a task that nobody knows here is enqueued by its name', async () => {
    const { app } = tasks()
    const stranger = Signature.from({ kind: 'task', task: 'stranger', args: [1] }, app)
    expect(await (await stranger.enqueue()).info()).toMatchObject({ task: 'stranger', args: [1] })
    const unbound = Signature.from({ kind: 'task', task: 'stranger', args: [1] })
    expect(await (await app.enqueue(unbound, [0], { queue: 'a' })).info()).toMatchObject({
      args: [0, 1],
      queue: 'a',
    })
    expect(await rejection(unbound.enqueue())).toEqual({
      name: 'CeleriacError',
      code: 'CANVAS_UNBOUND',
      message:
        'stranger(1) belongs to no app yet; enqueue it with app.enqueue(signature), or read it with Signature.from(json, app)',
    })
  })

  test('C-100 of an empty list knows no app, unless there is one only', async () => {
    const first = apps.app()
    expect(await (await group([]).enqueue()).result({ timeout: '10s' })).toEqual([])
    const second = apps.app()
    expect(await rejection(group([]).enqueue())).toMatchObject({ code: 'CANVAS_UNBOUND' })
    expect(await (await second.enqueue(chain(group([])))).result({ timeout: '10s' })).toEqual([])
    await second.stop()
    expect(await (await group([group([])]).enqueue()).result({ timeout: '10s' })).toEqual([])
    await first.stop()
    expect(await rejection(group([]).enqueue())).toMatchObject({ code: 'CANVAS_UNBOUND' })
  })

  test('C-27 is refused in the caller for args that the schema of its task refuses', async () => {
    const { app } = tasks()
    const checked = app.task('checked', { args: z.tuple([z.number(), z.number()]) }, (x, y) => x + y)
    const before = await count()
    expect(await rejection(checked.s('a' as never, 2).enqueue())).toMatchObject({ code: 'ARGS_REJECTED' })
    expect(await count()).toBe(before)
  })

  test('C-28 is refused in the caller for args that cannot be stored, by their path', async () => {
    const { ident } = tasks()
    const before = await count()
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    expect(await rejection(ident.s({ deep: [() => 1] }).enqueue())).toMatchObject({
      code: 'JSON_TYPE',
      message: 'argument $[0].deep[0] is a function and cannot be stored',
    })
    expect(await rejection(ident.s(cyclic).enqueue())).toMatchObject({ code: 'JSON_CYCLE' })
    const throws = Object.defineProperty({}, 'x', { enumerable: true, get: () => JSON.parse('{') })
    expect(await rejection(ident.s(throws).enqueue())).toMatchObject({ code: 'JSON_GETTER' })
    expect(await count()).toBe(before)
  })

  test('C-29 is enqueued in a transaction that it is given, and shares its fate', async () => {
    const { app, add } = tasks()
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      const job = await add.s(2, 2).with({ tx: client }).enqueue()
      const open = await add.with({ tx: client }).s(2).enqueue(2)
      await client.query('rollback')
      for (const { id } of [job, open])
        expect(await rejection(app.job(id).state())).toMatchObject({ code: 'JOB_UNKNOWN' })
    } finally {
      client.release()
    }
    const { data } = add.s(2, 2).with({ tx: async () => [], queue: 'a' })
    expect(data.options).toEqual({ queue: 'a' })
  })

  test('C-30 C-40 refuses options when they are given', () => {
    const { add } = tasks()
    const refused: readonly [CallOptions, string][] = [
      [{ delay: 1, runAt: 5 }, 'OPTION_CONFLICT'],
      [{ queue: 'ä ö' }, 'QUEUE_NAME_INVALID'],
      [{ priority: 0.5 }, 'OPTION_INVALID'],
      [{ id: 'x' }, 'JOB_ID_INVALID'],
      [{ backoff: [] }, 'OPTION_INVALID'],
      [{ queu: 'a' } as CallOptions, 'OPTION_UNKNOWN'],
      [{ softTimeLimit: '2s', timeLimit: '1s' }, 'OPTION_INVALID'],
    ]
    for (const [options, code] of refused) {
      expect(thrown(() => add.s(1, 2).with(options))).toMatchObject({ code })
      expect(thrown(() => chain(add.s(1, 2)).with(options))).toMatchObject({ code })
    }
  })

  test('is not thenable', () => {
    const { add } = tasks()
    expect('then' in add.s(1, 2)).toBe(false)
  })
})

describe('callbacks and error handlers', () => {
  test('C-21 link returns the signature with the callback, not the callback', () => {
    const { add } = tasks()
    const linked = add.s(2, 2).link(add.s(1)).link(add.s(2))
    expect(linked.data).toMatchObject({ args: [2, 2], links: [{ args: [1] }, { args: [2] }] })
  })

  test('C-22 the same one is attached once, others are not taken for it', () => {
    const { app, add, ident } = tasks()
    const note = app.task('note', (value: number, extra: { a: number }) => [value, extra])
    const callback = note.s({ a: 1 })
    const linked = add
      .s(2, 2)
      .link(callback)
      .link(callback)
      .link(note.s({ a: 1 }))
      .link(note.s({ a: 2 }))
    expect(linked.data.links).toHaveLength(2)
    const handled = chain(linked).linkError(ident.si(1)).onError(ident.si(1)).onError(ident.s())
    expect(handled.data.errbacks).toHaveLength(2)
  })

  test('C-23 callbacks of callbacks are in the data, depth first', () => {
    const { add } = tasks()
    const { data } = add
      .s(0, 0)
      .link(add.s(1).link(add.s(2)))
      .link(add.s(3))
    const flatten = (one: typeof data): unknown[] => [
      ...(one.kind === 'task' ? one.args.slice(-1) : []),
      ...(one.links ?? []).flatMap(flatten),
    ]
    expect(flatten(data)).toEqual([0, 1, 2, 3])
  })

  test('an error handler is one task', () => {
    const { add, ident } = tasks()
    expect(thrown(() => add.s(1, 2).linkError(chain(ident.s(), ident.s())))).toEqual({
      code: 'CANVAS_INVALID',
      message:
        'this is no canvas: the error handler must be the signature of one task, which may enqueue more; it is a chain',
    })
  })
})

describe('composing', () => {
  test('C-20 pipe is a chain of two', () => {
    const { add } = tasks()
    expect(add.s(2).pipe(add.s(3)).data).toEqual(chain(add.s(2), add.s(3)).data)
  })

  test('C-38 piping a chain makes one flat chain, and leaves it as it was', () => {
    const { add } = tasks()
    const first = chain(add.s(1), add.s(2))
    expect(first.pipe(add.s(3)).data).toEqual(chain(add.s(1), add.s(2), add.s(3)).data)
    expect(first.data).toEqual(chain(add.s(1), add.s(2)).data)
  })

  test('C-39 a chain with a callback, options or a default stays one of its own when it is piped', () => {
    const { add } = tasks()
    const plain = chain(add.s(1), add.s(2))
    for (const own of [plain.link(add.s(9)), plain.with({ queue: 'a' }), plain.optional(0)])
      expect(own.pipe(add.s(3)).data).toEqual({ kind: 'chain', steps: [own.data, add.s(3).data] })
  })

  test('C-31 takes lists, one by one, and iterables, which are read once and in order', () => {
    const { add, sum } = tasks()
    let reads = 0
    function* some() {
      reads += 1
      for (const n of [1, 2, 3]) yield add.s(n)
    }
    const list = [1, 2, 3].map((n) => add.s(n))
    expect(chain(some()).data).toEqual(chain(list).data)
    expect(chain(some()).data).toEqual(chain(...(list as [(typeof list)[number]])).data)
    expect(group(some()).data).toEqual(group(list).data)
    expect(group(new Set(list)).data).toEqual(group(...list).data)
    expect(chord(some(), sum.s()).data).toEqual(chord(list, sum.s()).data)
    expect(chord(group(list), sum.s()).data).toEqual(chord(list, sum.s()).data)
    expect(reads).toBe(4)
  })

  test('C-32 args in front of a canvas go to the first step, each member, each member of the header', () => {
    const { add, sub, sum } = tasks()
    expect(chain(sub.s(2), add.s(1)).clone(10).data).toMatchObject({
      steps: [{ args: [10, 2] }, { args: [1] }],
    })
    expect(group([sub.s(2), add.si(1, 1)]).clone(10).data).toMatchObject({
      members: [{ args: [10, 2] }, { args: [1, 1] }],
    })
    expect(group({ a: sub.s(2), b: sub.s(3) }).clone(10).data).toMatchObject({
      members: { a: { args: [10, 2] }, b: { args: [10, 3] } },
    })
    expect(chord([sub.s(2), chain(sub.s(3), add.s(1))], sum.s()).clone(10).data).toMatchObject({
      header: { members: [{ args: [10, 2] }, { steps: [{ args: [10, 3] }, { args: [1] }] }] },
      body: { args: [] },
    })
  })

  test('C-36 options of a canvas are its own, not those of its parts', () => {
    const { add } = tasks()
    const { data } = chain(add.s(1, 1), add.s(1)).with({ queue: 'a' })
    expect(data).toEqual({ ...chain(add.s(1, 1), add.s(1)).data, options: { queue: 'a' } })
  })

  test('C-37 shows its elements', () => {
    const { add, sum } = tasks()
    const canvas = chord({ a: add.s(1, 1), b: add.s(2, 2) }, sum.si([])).data
    expect(canvas.kind === 'chord' && Object.keys(canvas.header.members)).toEqual(['a', 'b'])
    expect(canvas.kind === 'chord' && canvas.body.kind).toBe('task')
  })

  test('C-203 C-204 C-207 makes one job of many calls, or one for each chunk', () => {
    const { add, ident } = tasks()
    expect(ident.map(new Set([1, 2])).data).toEqual({
      kind: 'map',
      task: 'ident',
      items: [1, 2],
      spread: false,
    })
    expect(add.starmap([[1, 2]], { allowFailures: true }).data).toEqual({
      kind: 'map',
      task: 'add',
      items: [[1, 2]],
      spread: true,
      allowFailures: true,
    })
    const pairs = [0, 1, 2, 3, 4].map((n): [number, number] => [n, n])
    expect(add.with({ queue: 'a' }).chunks(pairs, 2).data).toEqual({
      kind: 'group',
      members: [pairs.slice(0, 2), pairs.slice(2, 4), pairs.slice(4)].map((items) => add.starmap(items).data),
      options: { queue: 'a' },
    })
    expect(add.chunks([], 2).data).toEqual({ kind: 'group', members: [] })
    expect(thrown(() => add.chunks(pairs, 0))).toMatchObject({ code: 'OPTION_INVALID' })
    expect(thrown(() => add.starmap([5 as never]))).toMatchObject({
      message: 'this is no canvas: item 1 must be a list of args; got 5',
    })
    expect(thrown(() => ident.map(5 as never))).toMatchObject({ code: 'CANVAS_INVALID' })
  })

  test('C-84 a chain of ten thousand is built step by step', () => {
    const { add } = tasks()
    let canvas = add.s(0, 0)
    for (let step = 0; step < 10_000; step += 1) canvas = canvas.pipe(add.s(1))
    const { data } = canvas
    expect(data.kind === 'chain' && data.steps.length).toBe(10_001)
    expect(Signature.from(JSON.stringify(canvas)).data).toEqual(data)
  })

  test('C-116 says what is missing or no signature, and where', () => {
    const { add, sum } = tasks()
    const message = (call: () => unknown): string => thrown(call).message ?? ''
    expect(message(() => chord([add.s(1, 1)], undefined as never))).toBe(
      'this is no canvas: the body of the chord must be a signature, such as task.s(…); got undefined',
    )
    expect(message(() => group([add.s(1, 1), add as never]))).toBe(
      'this is no canvas: member 2 must be a signature; got the function add; use add.s(…)',
    )
    expect(message(() => group({ a: 5 as never }))).toBe(
      'this is no canvas: member a must be a signature, such as task.s(…); got 5',
    )
    expect(message(() => chain([add.s(1, 1)], add.s(1) as never))).toBe(
      'this is no canvas: its steps must come one by one or in one list; got a list and more',
    )
    expect(message(() => chord(add.s(1, 1) as never, sum.s() as never))).toBe(
      'this is no canvas: the header of the chord must be a group, or its members; it is a task: chain(…) lets the body follow it',
    )
    expect(message(() => group([add.s(1, 1)], { allowFailure: true } as object))).toBe(
      'unknown group option "allowFailure"; did you mean "allowFailures"?',
    )
    expect(message(() => group(JSON.parse('{"__proto__": 1}')))).toContain('has the name "__proto__"')
  })

  test('a transaction is that of the whole canvas, and so is the app', () => {
    const { add } = tasks()
    const other = tasks()
    const inTransaction = add.s(1, 1).with({ tx: async () => [] })
    expect(thrown(() => chain(inTransaction, add.s(1))).message).toBe(
      'this is no canvas: add(1, 1) has a tx of its own, but all is written in one transaction; give it to the whole canvas',
    )
    expect(thrown(() => inTransaction.pipe(add.s(1)))).toMatchObject({ code: 'CANVAS_INVALID' })
    expect(thrown(() => add.s(1, 1).link(add.s(1).with({ tx: async () => [] })))).toMatchObject({
      code: 'CANVAS_INVALID',
    })
    expect(() => inTransaction.link(add.s(1)).optional(1).with({ queue: 'a' })).not.toThrow()
    expect(thrown(() => JSON.stringify(inTransaction)).message).toContain('cannot hold the transaction')
    expect(thrown(() => chain(add.s(1, 1), other.add.s(1))).message).toBe(
      'this is no canvas: add(1) belongs to another app than what comes before it; a canvas lives in one database',
    )
  })
})
