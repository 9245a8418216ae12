import { describe, expect, test } from 'vitest'
import { JobFailedError } from '../../src/index.ts'
import { causesOf, run } from './ends.ts'
import { eachLane } from './harness.ts'
import type { Canvas, Kit } from './kit.ts'
import { countOf } from './tables.ts'

/** A canvas that fails, the states of its nodes in order of definition, and what is thrown, with its causes. */
type Case = readonly [
  title: string,
  build: (kit: Kit) => Canvas,
  states: readonly string[],
  causes: readonly string[],
]

const EXPECTED = ['JobFailedError', 'ExpectedError']
const CHORD = ['ChordError', 'ExpectedError']

const CASES: readonly Case[] = [
  [
    'C-159 steps below',
    ({ chain, ident, fail, add }) => chain(ident.s(1), fail.s(), add.s(1), add.s(1)),
    ['ident succeeded', 'fail failed', 'add failed', 'add failed'],
    EXPECTED,
  ],
  [
    'C-161 what follows the group below',
    ({ chain, group, ident, fail, tsum }) =>
      chain(ident.s(1), fail.s(), group([ident.s(), ident.s()]), tsum.s()),
    ['ident succeeded', 'fail failed', 'ident failed', 'ident failed', 'tsum failed'],
    EXPECTED,
  ],
  [
    'C-162 a chord below',
    ({ chain, chord, ident, fail, tsum }) => chain(fail.s(), chord([ident.s(), ident.s()], tsum.s())),
    ['fail failed', 'ident failed', 'ident failed', 'tsum failed'],
    EXPECTED,
  ],
  [
    'C-163 a header member',
    ({ chord, ident, fail, tsum }) => chord([ident.s(1), fail.s(), ident.s(2)], tsum.s()),
    ['ident succeeded', 'fail failed', 'ident succeeded', 'tsum failed'],
    CHORD,
  ],
  [
    'C-165 the body',
    ({ chord, ident, fail }) => chord([ident.s(1), ident.s(2)], fail.s()),
    ['ident succeeded', 'ident succeeded', 'fail failed'],
    EXPECTED,
  ],
  [
    'C-166 a late step',
    ({ chain, group, ident, fail }) =>
      chain(group([ident.s(1), ident.s(2)]), ident.s(), ident.s(), fail.s(), ident.s()),
    [
      'ident succeeded',
      'ident succeeded',
      'ident succeeded',
      'ident succeeded',
      'fail failed',
      'ident failed',
    ],
    EXPECTED,
  ],
  [
    'C-167 a chord in the header',
    ({ chord, ident, fail, tsum, xsum }) =>
      chord([chord([fail.s(), ident.s(1)], tsum.s()), ident.s(2)], xsum.s()),
    ['fail failed', 'ident succeeded', 'tsum failed', 'ident succeeded', 'xsum failed'],
    ['ChordError', 'ChordError', 'ExpectedError'],
  ],
  ...([0, 1, 2] as const).map(
    (at): Case => [
      `C-168 a chain in the header, at step ${at + 1}`,
      ({ chord, chain, ident, fail, tsum }) =>
        chord(
          [
            chain(...[0, 1, 2].map((step) => (step === at ? fail.s() : ident.s(...(step === 0 ? [1] : []))))),
            ident.s(2),
          ],
          tsum.s(),
        ),
      [
        ...[0, 1, 2].map((step) =>
          step === at ? 'fail failed' : `ident ${step < at ? 'succeeded' : 'failed'}`,
        ),
        'ident succeeded',
        'tsum failed',
      ],
      CHORD,
    ],
  ),
  [
    'C-169 a group at the end of a chain in the header',
    ({ chord, chain, group, ident, fail, xsum }) =>
      chord([chain(ident.s(1), group([fail.s(), ident.s()])), ident.s(2)], xsum.s()),
    ['ident succeeded', 'fail failed', 'ident succeeded', 'ident succeeded', 'xsum failed'],
    ['ChordError', 'ChordError', 'ExpectedError'],
  ],
  [
    'C-170 a chain as body',
    ({ chord, chain, ident, fail, tsum }) => chord([fail.s()], chain(tsum.s(), ident.s(), ident.s())),
    ['fail failed', 'tsum failed', 'ident failed', 'ident failed'],
    CHORD,
  ],
  [
    'C-172 a chord as body',
    ({ chord, ident, fail, tsum }) => chord([fail.s()], chord([ident.s(), ident.s()], tsum.s())),
    ['fail failed', 'ident failed', 'ident failed', 'tsum failed'],
    CHORD,
  ],
  [
    'C-176 a value that cannot be encoded',
    ({ chain, unencodable, ident }) => chain(unencodable.s(), ident.s()),
    ['unencodable failed', 'ident failed'],
    ['JobFailedError', 'CeleriacError'],
  ],
]

eachLane((lane) => {
  test.for(CASES)('%s', async ([, build, states, causes]) => {
    const end = await run(lane, build)
    expect([end.states, end.error instanceof JobFailedError]).toEqual([states, true])
    expect(causesOf(end.error)).toEqual(causes)
  })

  test('C-159 says where a failure comes from', async () => {
    const { nodes } = await run(lane, ({ chain, fail, ident }) =>
      chain(fail.s('no luck'), ident.s(), ident.s()),
    )
    const [first, second, third] = nodes
    expect(second?.error).toMatchObject({ name: 'ExpectedError', message: 'no luck', upstream: first?.id })
    expect(third?.error).toMatchObject({ name: 'ExpectedError', message: 'no luck', upstream: first?.id })
  })

  test('C-160 a group below a failure fails, and so does its handle', async () => {
    const { states, error } = await run(lane, ({ chain, ident, fail, group }) =>
      chain(ident.s(1), fail.s(), group([ident.s(), ident.s()])),
    )
    expect(states).toEqual(['ident succeeded', 'fail failed', 'ident failed', 'ident failed'])
    expect(causesOf(error)).toContain('ExpectedError')
  })

  test('C-171 C-75 a group as body fails, each member with ChordError', async () => {
    const { nodes, error } = await run(lane, ({ chord, group, fail, ident }) =>
      chord([fail.s()], group([ident.s(), ident.s()])),
    )
    expect(nodes.map(({ state, error }) => [state, error?.name])).toEqual([
      ['failed', 'ExpectedError'],
      ['failed', 'ChordError'],
      ['failed', 'ChordError'],
    ])
    expect(causesOf(error)).toContain('ChordError')
  })

  test('C-164 two members fail: both are named once the header is done', async () => {
    const { nodes } = await run(lane, ({ chord, fail, ident, sleepFail, tsum }) =>
      chord([fail.s(), ident.s(1), sleepFail.s(30)], tsum.s()),
    )
    const failed = nodes.filter(({ task }) => task === 'fail' || task === 'sleepFail').map(({ id }) => id)
    const joins = await lane.database.query<{ ids: string[] }>(
      `select error -> 'failedIds' as ids from celeriac.results
        where workflow_id = $1 and task = 'celeriac.group'`,
      [nodes[0]?.id],
    )
    expect(joins).toEqual([{ ids: expect.arrayContaining(failed) }])
  })

  test('C-106 a member of a group fails: the others keep their values', async () => {
    const { states, error, handle } = await run(lane, ({ group, ident, fail }) =>
      group([ident.s(1), fail.s('first'), ident.s(2), fail.s('second')]),
    )
    expect(states).toEqual(['ident succeeded', 'fail failed', 'ident succeeded', 'fail failed'])
    expect(error?.cause).toMatchObject({ name: 'ExpectedError', message: 'first' })
    expect(await handle.results?.({ settled: true })).toEqual([
      { ok: true, value: 1 },
      { ok: false, error: expect.any(JobFailedError) },
      { ok: true, value: 2 },
      { ok: false, error: expect.any(JobFailedError) },
    ])
  })

  test('C-173 C-48 what is linked to a failure never runs', async () => {
    const { nodes } = await run(lane, ({ fail, count, chain, group, chord, tsum }) =>
      fail
        .s()
        .link(chain(count.si('C-173'), count.si('C-173')))
        .link(group([count.si('C-173')]))
        .link(chord([count.si('C-173')], tsum.si([]))),
    )
    expect(nodes.filter(({ runs }) => runs > 0).map(({ task }) => task)).toEqual(['fail'])
    expect(await countOf(lane.database, 'C-173')).toBe(0)
  })

  test('C-174 the kind of an error survives', async () => {
    const { error } = await run(lane, ({ chain, unencodable, ident }) => chain(unencodable.s(), ident.s()))
    expect(error?.cause).toMatchObject({ name: 'CeleriacError', code: 'JSON_TYPE' })
  })

  describe('C-175 allowed failures', () => {
    test('stand in the list', async () => {
      const { value } = await run(lane, ({ group, ident, fail }) =>
        group([ident.s(1), fail.s('no luck')], { allowFailures: true }),
      )
      expect(value).toEqual([1, expect.objectContaining({ name: 'ExpectedError', message: 'no luck' })])
    })

    test('are given to the body', async () => {
      const { value } = await run(lane, ({ chord, ident, fail }) =>
        chord([ident.s(1), fail.s('no luck')], ident.s(), { allowFailures: true }),
      )
      expect(value).toEqual([1, expect.objectContaining({ name: 'ExpectedError', message: 'no luck' })])
    })

    test('have a default where there is one', async () => {
      const { value, states } = await run(lane, ({ group, ident, fail, tsum, chain }) =>
        chain(group([ident.s(1), fail.s().optional(10)]), tsum.s()),
      )
      expect([value, states]).toEqual([11, ['ident succeeded', 'fail failed', 'tsum succeeded']])
    })

    test('at the end of a canvas have a default, too, for whoever waits', async () => {
      const { value, states } = await run(lane, ({ chain, ident, fail }) =>
        chain(ident.s(1), fail.s().optional(10)),
      )
      expect([value, states]).toEqual([10, ['ident succeeded', 'fail failed']])
    })

    test('of a step have a default as well', async () => {
      const { value } = await run(lane, ({ chain, fail, add }) => chain(fail.s().optional(10), add.s(1)))
      expect(value).toBe(11)
    })
  })
})
