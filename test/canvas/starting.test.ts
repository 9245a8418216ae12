import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Celeriac, chain, chord, group, Signature } from '../../src/index.ts'
import { openSession } from '../support/session.ts'
import { ended } from './ends.ts'
import { useLane } from './harness.ts'
import { holding } from './holding.ts'
import { type AnyHandle, type AnyTask, type Canvas, kitOf, times } from './kit.ts'
import { assertQuiescent, nodesOf } from './quiescence.ts'
import { countOf, echoesOf } from './tables.ts'
import { resultOf, start } from './values.ts'

/** What concerns the caller alone: it is the same whoever works. */
const lane = useLane({ name: 'starting', concurrency: 8 })
const kit = () => kitOf(lane.tasks)

/** How many rows there are, of jobs and of what settled. */
async function rows(): Promise<number> {
  const [row] = await lane.database.query<{ n: number }>(
    `select ((select count(*) from celeriac.jobs) + (select count(*) from celeriac.results)
      + (select count(*) from celeriac.dependencies) + (select count(*) from celeriac.workflows))::int as n`,
  )
  return row?.n ?? -1
}

/** Refusals that leave nothing behind. */
async function refusal(work: () => Promise<unknown>): Promise<unknown> {
  const before = await rows()
  const error = await Promise.resolve()
    .then(work)
    .then(
      () => 'nothing',
      (thrown: unknown) => thrown,
    )
  expect(await rows()).toBe(before)
  return error
}

describe('a signature', () => {
  test('C-1 is plain data, and building it enqueues nothing', async () => {
    const before = await rows()
    const json = JSON.parse(JSON.stringify(lane.tasks.add.s(2, 2)))
    expect([json, await rows()]).toEqual([{ kind: 'task', task: 'add', args: [2, 2] }, before])
  })

  test('C-4 its task called directly runs here, without a row', async () => {
    const before = await rows()
    expect([await lane.tasks.add(2, 2), await rows()]).toEqual([4, before])
  })

  test('C-9 C-10 an immutable one takes options, not what comes before', async () => {
    const { chain, ident, add } = kit()
    const handle = await chain(ident.s(100), add.si(2, 2).with({ queue: 'q' })).enqueue()
    const { value, nodes } = await ended(lane, handle)
    expect([value, nodes[1]?.queue]).toEqual([4, 'q'])
  })

  test('C-11 C-12 C-21 C-24 never changes: what is made of it is another one', () => {
    const { add, mul, errLog } = kit()
    const one = add.s(2)
    const before = JSON.stringify(one)
    const others = [
      one.with({ queue: 'q' }),
      one.link(mul.s(2)),
      one.linkError(errLog.s()),
      one.onError(errLog.s()),
      one.optional(1),
      one.pipe(mul.s(2)),
      one.clone(4),
    ]
    expect(JSON.stringify(one)).toBe(before)
    expect(new Set(others.map((other) => JSON.stringify(other))).size).toBe(6)
    expect(JSON.parse(JSON.stringify(others.at(-1)))).toMatchObject({ args: [4, 2] })
  })

  test('C-25 reads well, in at most a kilobyte', () => {
    const { add, tsum, ident } = kit()
    const text = String(chord([lane.tasks.add.s(1, 1), lane.tasks.add.s(2, 2)], lane.tasks.tsum.s()))
    for (const word of ['add(1, 1)', 'add(2, 2)', 'tsum']) expect(text).toContain(word)
    const many = String(
      kit()
        .chord(times(1_000, add.s(1, 1)), tsum.s())
        .pipe(ident.s()),
    )
    expect(Buffer.byteLength(many)).toBeLessThanOrEqual(1_024)
  })

  test('C-37 C-23 shows what it is made of, its links as well', () => {
    const { chain, add, mul } = kit()
    const { data } = chain(add.s(1), add.s(2).link(mul.s(3)))
    expect(data).toMatchObject({
      kind: 'chain',
      steps: [
        { kind: 'task', task: 'add', args: [1] },
        { kind: 'task', task: 'add', args: [2], links: [{ task: 'mul', args: [3] }] },
      ],
    })
  })

  test('C-22 keeps the identical link once', async () => {
    const { add, count } = kit()
    const once = count.si('C-22')
    const handle = await add.s(1, 1).link(once).link(once).link(count.si('C-22 other')).enqueue()
    await ended(lane, handle)
    expect([await countOf(lane.database, 'C-22'), await countOf(lane.database, 'C-22 other')]).toEqual([1, 1])
  })

  test('C-31 lists, varargs and iterables build the same', () => {
    const { add } = lane.tasks
    function* steps() {
      yield add.s(1, 1)
      yield add.s(2, 2)
    }
    const forms = [group(add.s(1, 1), add.s(2, 2)), group([add.s(1, 1), add.s(2, 2)]), group(steps())]
    expect(new Set(forms.map((form) => JSON.stringify(form))).size).toBe(1)
    const chains = [chain(add.s(1, 1), add.s(2)), chain([add.s(1, 1), add.s(2)])]
    expect(new Set(chains.map((form) => JSON.stringify(form))).size).toBe(1)
  })
})

describe('JSON', () => {
  const FORMS: readonly (readonly [string, () => Canvas, unknown])[] = [
    ['a task', () => kit().add.s(1, 1), 2],
    ['a chain', () => kit().chain(kit().add.s(1, 1), kit().add.s(1)), 3],
    ['a group', () => kit().group([kit().add.s(1, 1), kit().add.s(2, 2)]), [2, 4]],
    ['a named group', () => kit().group({ a: kit().add.s(1, 1) }), { a: 2 }],
    ['a chord', () => kit().chord([kit().add.s(1, 1), kit().add.s(2, 2)], kit().tsum.s()), 6],
    ['a map', () => kit().ident.map([1, 2]), [1, 2]],
    ['a starmap', () => kit().add.starmap([[1, 2]]), [3]],
    [
      'chunks',
      () =>
        kit().add.chunks(
          [
            [1, 2],
            [3, 4],
          ],
          1,
        ),
      [[3], [7]],
    ],
    ['a date among args', () => kit().ident.s(new Date(86_400_000)), new Date(86_400_000)],
    [
      'whatever hangs on it',
      () => kit().chain(kit().fail.s().optional(1).linkError(kit().errLog.s('C-17')), kit().add.s(1)),
      2,
    ],
  ]

  test.for(FORMS)('C-17 %s behaves the same after it', async ([, build, value]) => {
    const copy = Signature.from(JSON.parse(JSON.stringify(build())), lane.app) as unknown as Canvas
    const handle = await start(lane, copy)
    expect(await resultOf(handle)).toEqual(value)
    await assertQuiescent(lane.database, handle.workflow.id)
  })

  test('C-270 C-19 a canvas written by hand, of tasks that only workers know', async () => {
    const json = {
      kind: 'chord',
      header: { kind: 'group', members: [{ kind: 'task', task: 'add', args: [1, 1] }] },
      body: { kind: 'task', task: 'tsum', args: [] },
    }
    const handle = await start(lane, Signature.from(json) as unknown as Canvas)
    expect((await ended(lane, handle)).value).toBe(2)
  })

  test('C-275 what contains itself is refused', async () => {
    const steps: unknown[] = [{ kind: 'task', task: 'add', args: [1, 1] }]
    const cycle = { kind: 'chain', steps }
    steps.push(cycle)
    const error = await refusal(async () => start(lane, Signature.from(cycle) as unknown as Canvas))
    expect(error).toMatchObject({ code: expect.stringMatching(/^CANVAS_|^JSON_/) })
  })
})

describe('enqueuing a canvas', () => {
  test('C-29 in a transaction that rolls back leaves nothing', async () => {
    const before = await rows()
    await using session = await openSession(lane.database.url)
    const { client } = session
    await client.query('begin')
    const { chain, add } = kit()
    const handle = await chain(add.s(1, 1), add.s(1)).with({ tx: client }).enqueue()
    await client.query('rollback')
    expect(await rows()).toBe(before)
    await expect(handle.state()).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
  })

  test('C-29 in one that commits starts it then', async () => {
    await using session = await openSession(lane.database.url)
    const { client } = session
    await client.query('begin')
    const { chain, add } = kit()
    const handle = await chain(add.s(1, 1), add.s(1)).with({ tx: client }).enqueue()
    expect(await nodesOf(lane.database, handle.workflow.id)).toEqual([])
    await client.query('commit')
    expect((await ended(lane, handle)).value).toBe(3)
  })

  test('C-28 with an argument that cannot be encoded enqueues nothing, and says where', async () => {
    const { chain, add, ident } = kit()
    const error = await refusal(() => chain(add.s(1, 1), ident.si({ deep: [Symbol('no')] })).enqueue())
    expect(error).toMatchObject({ code: 'JSON_TYPE', message: expect.stringContaining('deep[0]') })
  })

  test('C-30 with an unknown option is refused', async () => {
    expect(await refusal(async () => kit().add.s(1, 1).with({ nonsense: 1 }))).toMatchObject({
      code: 'OPTION_UNKNOWN',
    })
  })

  test('C-253 with labels that are no texts is refused', async () => {
    expect(
      await refusal(async () =>
        kit()
          .add.s(1, 1)
          .with({ labels: { a: 1 } }),
      ),
    ).toMatchObject({
      code: 'OPTION_INVALID',
    })
  })

  test('C-40 with delay and runAt is refused', async () => {
    const both = { delay: '1s', runAt: new Date() }
    expect(await refusal(async () => kit().add.s(1, 1).with(both))).toMatchObject({ code: 'OPTION_CONFLICT' })
  })

  test('C-78 C-156 without any step is refused', async () => {
    const { chain, chord, tsum } = kit()
    for (const canvas of [chain(), chord([chain()], tsum.s())]) {
      expect(await refusal(() => start(lane, canvas))).toMatchObject({ code: 'CANVAS_EMPTY' })
    }
  })

  test('C-116 a chord without a body is refused', async () => {
    const without = chord as unknown as (header: unknown) => Canvas
    expect(await refusal(async () => without([lane.tasks.add.s(1, 1)]))).toMatchObject({
      code: 'CANVAS_INVALID',
    })
  })

  test('C-208 chunks of no size are refused', async () => {
    expect(await refusal(async () => kit().add.chunks([[1, 2]], 0))).toMatchObject({
      code: expect.stringMatching(/^OPTION_|^CANVAS_/),
    })
  })

  test('C-27 arguments that a schema refuses: those that are known, in the caller', async () => {
    const strict = lane.app.task('strict', { args: z.tuple([z.number(), z.number()]) }, (x, y) => x + y)
    const error = await refusal(() => (strict.s as unknown as AnyTask['s'])('x', 2).enqueue())
    expect(error).toMatchObject({ code: 'ARGS_REJECTED' })
    const { chain, ident } = kit()
    const open = (strict.s as unknown as AnyTask['s'])(2)
    const { error: late, states } = await ended(lane, await chain(ident.s('x'), open).enqueue())
    expect([late?.cause, states]).toEqual([
      expect.objectContaining({ code: 'ARGS_REJECTED' }),
      ['ident succeeded', 'strict failed'],
    ])
  })
})

describe('a canvas that another deployment started', () => {
  test('C-271 runs as it was stored', async () => {
    await using old = new Celeriac({ database: lane.database.url, log: 'silent' })
    const add = old.declare<(x: number, y: number) => number>('add', { queue: 'z', maxAttempts: 2 })
    const handle = (await chain(add.s(1, 1), add.s(1)).enqueue()) as unknown as AnyHandle
    const { nodes } = await ended(lane, handle)
    expect(nodes.map(({ value, queue }) => [value, queue])).toEqual([
      [2, 'z'],
      [3, 'z'],
    ])
  })
})

describe('a task that no worker knows', () => {
  test('C-26 waits, with all that is below it, and is not lost', async () => {
    const unknown = lane.app.declare<(x: number) => number>('nobody.knows')
    const handle = await chain(lane.tasks.add.s(1, 0), unknown.s(), lane.tasks.add.s(1)).enqueue()
    const anyHandle = handle as unknown as AnyHandle
    const [first] = await nodesOf(lane.database, anyHandle.workflow.id)
    expect(await lane.app.job(first?.id ?? '').result({ timeout: '5s' })).toBe(1)
    expect((await nodesOf(lane.database, anyHandle.workflow.id)).map(({ state }) => state)).toEqual([
      'succeeded',
      'pending',
      'waiting',
    ])
    await anyHandle.workflow.cancel()
    expect((await ended(lane, anyHandle)).states).toEqual([
      'add succeeded',
      'nobody.knows cancelled',
      'add cancelled',
    ])
  })

  test('C-47 as a callback leaves the parent alone', async () => {
    const unknown = lane.app.declare<(x: number) => number>('nobody.calls')
    const handle = (await lane.tasks.add.s(1, 0).link(unknown.s()).enqueue()) as unknown as AnyHandle
    expect(await resultOf(handle)).toBe(1)
    await handle.workflow.cancel()
    expect((await ended(lane, handle)).states).toEqual(['add succeeded', 'nobody.calls cancelled'])
  })
})

describe('members', () => {
  test('C-97 run side by side', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { group, hold } = kit()
      const handle = await group([hold.s(1, number), hold.s(2, number)]).enqueue()
      await reached(2)
      await release()
      expect((await ended(lane, handle)).value).toEqual([1, 2])
    })
  })
})

describe('each task runs once', () => {
  const CANVASES: readonly (readonly [string, (say: (what: string) => Canvas) => Canvas, number])[] = [
    [
      'C-142 a chain that begins with a chord',
      (say) =>
        kit().chain(kit().chord([say('a'), say('b')], say('c')), say('d'), kit().group([say('e'), say('f')])),
      6,
    ],
    [
      'C-142 a chord between chains',
      (say) =>
        kit().chain(say('a'), kit().chord([kit().chain(say('b'), say('c')), say('d')], say('e')), say('f')),
      6,
    ],
    [
      'C-143 groups, then steps',
      (say) =>
        kit().chain(
          kit().chain(kit().group([say('a'), say('b')]), kit().group([say('c'), say('d')])),
          kit().chain(say('e'), say('f')),
        ),
      6,
    ],
    [
      'C-141 nine groups and their sums',
      (say) =>
        kit().chain(
          ...times(9, 0).flatMap((_, row) => [
            kit().group([0, 1, 2].map((at) => say(`${row} ${at}`))),
            say(`sum ${row}`),
          ]),
        ),
      36,
    ],
  ]

  test.for(CANVASES)('%s', async ([title, build, count]) => {
    const handle = await build((what) => kit().echo.si(title, what)).enqueue()
    await ended(lane, handle)
    const said = await echoesOf(lane.database, title)
    expect([said.length, new Set(said).size]).toEqual([count, count])
  })
})
