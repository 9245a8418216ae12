import { expect, test } from 'vitest'
import { causesOf, run } from './ends.ts'
import { eachLane } from './harness.ts'
import { type Canvas, type Kit, times, upTo } from './kit.ts'
import { echoesOf } from './tables.ts'
import { type Case, eachCase } from './values.ts'

/** Replaces itself with a group of two, [2, 3]. */
const two = ({ replaceWith, group, add }: Kit): Canvas =>
  replaceWith.s(group([add.s(1, 1), add.s(1, 2)]).toJSON())

/** Where a step may stand, and what stands around it; each adds one to the value and two after it, or makes a list. */
const PLACES: readonly (readonly [string, (kit: Kit, step: Canvas) => Canvas])[] = [
  ['alone', (_, step) => step],
  ['first in a chain', ({ chain, add }, step) => chain(step, add.s(1), add.s(2))],
  ['in the middle of a chain', ({ chain, add }, step) => chain(add.s(1), step, add.s(2))],
  ['last in a chain', ({ chain, add }, step) => chain(add.s(1), add.s(2), step)],
  ['in a group', ({ group, add }, step) => group([add.s(1), step])],
  ['in a header', ({ chord, add, xsum }, step) => chord([step, add.s(1)], xsum.s())],
  ['as a body', ({ chord, chain, add, xsum }, step) => chord([add.s(1), add.s(2)], chain(xsum.s(), step))],
]

/** What a step may be replaced by, each the same as `add.s(11)`. */
const REPLACEMENTS: readonly (readonly [string, (kit: Kit) => Canvas])[] = [
  ['a task', ({ add }) => add.s(11)],
  ['a chain', ({ chain, add }) => chain(add.s(10), add.s(1))],
  ['a chord', ({ chain, group, add, ident, tsum }) => chain(group([add.s(11)]), tsum.s(), ident.s())],
]

const CASES: readonly Case[] = [
  [
    'C-80 a step replaced within, a group at the end',
    ({ chain, group, add, addReplaced }) =>
      chain(
        add.s(2, 2),
        chain(add.s(4), addReplaced.s(8), add.s(16), add.s(32)),
        group(upTo(4).map((x) => add.s(x))),
      ),
    [64, 65, 66, 67],
  ],
  ['C-117 a header of one', ({ chord, add, addToAll }) => chord([add.s(2, 5)], addToAll.s(9)), [16]],
  ['C-118 a header of none', ({ chord, addToAll }) => chord([], addToAll.s(9)), []],
  [
    'C-146 chords whose bodies replace themselves',
    ({ chord, add, concat, concatAll }) =>
      chord(
        [chord([add.s(1, 2), add.s(3, 4)], concat.s([5])), chord([add.s(6, 7)], concat.s([10]))],
        concatAll.s(['A']),
      ),
    [
      [3, 7, 5, 'A'],
      [13, 10, 'A'],
    ],
  ],
  [
    'C-146 the same, piped',
    ({ chain, group, add, concat, concatAll }) =>
      group([
        chain(group([add.s(1, 2), add.s(3, 4)]), concat.s([5])),
        chain(group([add.s(6, 7)]), concat.s([10])),
      ]).pipe(concatAll.s(['A'])),
    [
      [3, 7, 5, 'A'],
      [13, 10, 'A'],
    ],
  ],
  [
    'C-149 a step after a group',
    ({ chain, group, add, addToAll }) =>
      chain(add.s(2, 2), group(upTo(4).map((x) => add.s(x))), addToAll.s(8)),
    [12, 13, 14, 15],
  ],
  [
    'C-149 arguments of the call go to every member',
    ({ chain, group, add, addToAll }) => chain(group(upTo(4).map((x) => add.s(x))), addToAll.s(9)),
    [13, 14, 15, 16],
    [4],
  ],
  [
    'C-36 C-7 so do objects, whole',
    ({ chain, group, addUp, tsum }) => chain(group(times(2, addUp.s())), tsum.s()),
    14,
    [{ x: 1, y: 2, z: 4 }],
  ],
  ['C-189 a task', ({ addReplaced }) => addReplaced.s(1, 2), 3],
  [
    'C-190 a chain; what follows goes on',
    ({ chain, ident, replaceWith, add }) =>
      chain(ident.s(1), replaceWith.s(chain(add.s(10), add.s(100)).toJSON()), add.s(2)),
    113,
  ],
  ['C-192 a group, alone', (kit) => two(kit), [2, 3]],
  ['C-192 a group, in a group', (kit) => kit.group([two(kit), kit.ident.s(2)]), [[2, 3], 2]],
  ['C-192 a group, in a header', (kit) => kit.chord([two(kit), kit.ident.s(2)], kit.ident.s()), [[2, 3], 2]],
  ['C-192 a group, in a chain', (kit) => kit.chain(two(kit), kit.tsum.s()), 5],
  [
    'C-193 a chord: the value of its body',
    ({ chain, chord, replaceWith, ident, tsum }) =>
      chain(replaceWith.s(chord([ident.s(1), ident.s(2)], tsum.s()).toJSON()), ident.s()),
    3,
  ],
  [
    'C-199 within chords of chords',
    ({ chord, chain, add, addReplaced, addToAll, tsum }) =>
      chord(
        [
          chain(chord([add.s(1, 2), addReplaced.s(3, 4)], addToAll.s(5)), tsum.s()),
          chain(chord([addReplaced.s(6, 7), add.s(0, 0)], addToAll.s(8)), tsum.s()),
        ],
        addToAll.s(9),
      ),
    [29, 38],
  ],
  [
    'C-200 a group keeps its order, ten times over',
    ({ chain, group, ident, addToAll }) =>
      chain(group(upTo(10).map((x) => ident.s(x))), ...times(10, addToAll.s(1))),
    upTo(10).map((x) => x + 10),
  ],
  [
    'C-202 a chord that grows: what is added comes last, in its order',
    ({ chord, ident, addToChord }) =>
      chord([addToChord.s([ident.s(10).toJSON(), ident.s(11).toJSON()], 1), ident.s(2)], ident.s()),
    [1, 2, 10, 11],
  ],
  [
    'C-202 an added chord is one member',
    ({ chord, ident, tsum, addToChord }) =>
      chord([addToChord.s([chord([ident.s(10), ident.s(11)], tsum.s()).toJSON()], 1), ident.s(2)], ident.s()),
    [1, 2, 21],
  ],
  [
    'C-18 a signature that is an argument arrives as data',
    ({ chain, add, replaceWith }) => chain(add.s(1, 1), replaceWith.s(add.s(40).toJSON())),
    42,
  ],
  ...PLACES.flatMap(([place, around]) =>
    REPLACEMENTS.map(([what, replacement]): Case => {
      const inline = { alone: 15, 'in a group': [5, 15], 'in a header': 20, 'as a body': 22 }[place] ?? 18
      return [
        `C-191 ${what} ${place}`,
        (kit) => around(kit, kit.replaceWith.s(replacement(kit).toJSON())),
        inline,
        [4],
      ]
    }),
  ),
]

eachLane((lane) => {
  eachCase(lane, CASES)

  test('C-189 C-236 the row keeps its id, its parent and its root', async () => {
    const { nodes, handle } = await run(lane, ({ chain, ident, addReplaced }) =>
      chain(ident.s(1), addReplaced.s(2)),
    )
    const [first, replaced, inner] = nodes
    expect([handle.id, replaced?.parentId, replaced?.rootId ?? first?.id]).toEqual([
      replaced?.id,
      first?.id,
      first?.id,
    ])
    expect([inner?.task, inner?.rootId]).toEqual(['add', first?.id])
  })

  test('C-195 errbacks of both are called, identical ones once', async () => {
    const { called, error, states } = await run(lane, ({ chain, ident, replaceWith, fail, errLog }) =>
      chain(
        ident.s(1),
        replaceWith
          .s(fail.s('no luck').linkError(errLog.s('both')).linkError(errLog.s('inner')).toJSON())
          .linkError(errLog.s('both'))
          .linkError(errLog.s('outer')),
        ident.s(),
      ),
    )
    expect(called).toEqual(['both', 'inner', 'outer'])
    expect(causesOf(error)).toEqual(['JobFailedError', 'ExpectedError'])
    expect(states.filter((state) => state.endsWith('succeeded'))).toEqual(['ident succeeded'])
  })

  test('C-196 links of both run once, with the final value', async () => {
    await run(lane, ({ replaceWith, add, echo }) =>
      replaceWith.s(add.s(1, 2).link(echo.si('C-196', 'inner')).toJSON()).link(echo.si('C-196', 'outer')),
    )
    expect((await echoesOf(lane.database, 'C-196')).toSorted()).toEqual(['inner', 'outer'])
  })

  test('C-197 replaced within what replaces: in the order of definition', async () => {
    await run(lane, ({ chain, echo, replaceWith }) => {
      const say = (what: string) => echo.si('C-197', what)
      const b = chain(say('In B'), replaceWith.si(chain(say('C'), say('Out B')).toJSON()))
      return chain(say('In A'), replaceWith.si(chain(b, say('Out A')).toJSON()))
    })
    expect(await echoesOf(lane.database, 'C-197')).toEqual(['In A', 'In B', 'C', 'Out B', 'Out A'])
  })

  test('C-194 by nothing is refused: the job fails and says so', async () => {
    const { error, states } = await run(lane, ({ chain, replaceWith, ident }) =>
      chain(replaceWith.s({ kind: 'chain', steps: [] }), ident.s()),
    )
    expect(states).toEqual(['replaceWith failed', 'ident failed'])
    expect(error?.cause).toMatchObject({ code: expect.stringMatching(/^CANVAS_/) })
  })

  test('C-198 has a limit of depth', async () => {
    const { error } = await run(lane, ({ replaceForever }) => replaceForever.s(0))
    expect(error?.cause).toMatchObject({ code: 'REPLACED_TOO_OFTEN' })
  })

  test('C-256 labels of what is replaced go on', async () => {
    const { nodes } = await run(lane, ({ addReplaced }) => addReplaced.s(1, 2).with({ labels: { a: '1' } }))
    expect(nodes.map(({ labels }) => labels)).toEqual(nodes.map(() => ({ a: '1' })))
  })

  test('C-202 outside of a chord is refused', async () => {
    const { error } = await run(lane, ({ addToChord, ident }) => addToChord.s([ident.s(1).toJSON()], 1))
    expect(error?.cause).toMatchObject({ code: 'CHORD_MISSING' })
  })

  test('C-202 an added member that fails fails the chord', async () => {
    const { states, called, error } = await run(lane, ({ chord, fail, ident, addToChord, errLog }) =>
      chord([ident.s(1), addToChord.s([fail.s('no luck').toJSON()], 1)], ident.s()).linkError(errLog.s('e')),
    )
    expect(states).toEqual(['ident succeeded', 'addToChord succeeded', 'ident failed', 'fail failed'])
    expect([called, causesOf(error)]).toEqual([['e'], ['ChordError', 'ExpectedError']])
  })

  test('C-238 children are listed in the order they began', async () => {
    const { nodes, value } = await run(lane, ({ spawnAll, chain, ident }) =>
      spawnAll.s([1, 2, 3].map((x) => chain(ident.s(x), ident.s()).toJSON())),
    )
    const children = await lane.app.job(nodes[0]?.id ?? '').children()
    const firsts = await Promise.all(children.map((child) => child.result({ timeout: '5s' })))
    expect([firsts, (value as unknown[]).length]).toEqual([[1, 2, 3], 3])
  })

  test('C-55 C-90 C-224 a canvas enqueued by a handler is its child, with no priority of its own', async () => {
    const { nodes, value } = await run(lane, ({ spawn, chain, ident }) =>
      spawn.s(chain(ident.s(1), ident.s()).toJSON()).with({ priority: 7 }),
    )
    const child = await lane.app.job(String(value))
    expect(await child.result({ timeout: '5s' })).toBe(1)
    const family = await lane.database.query(
      `select priority, parent_id = $1 as child from celeriac.results where root_id = $1 and task = 'ident' order by id`,
      [nodes[0]?.id],
    )
    expect(family).toEqual([
      { priority: 0, child: true },
      { priority: 0, child: false },
    ])
  })
})
