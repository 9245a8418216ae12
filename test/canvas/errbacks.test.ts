import { expect, test } from 'vitest'
import { run } from './ends.ts'
import { evaluate } from './evaluate.ts'
import { eachLane } from './harness.ts'
import { type Canvas, type Kit, kitOf, times } from './kit.ts'
import { echoesOf } from './tables.ts'
import { PURE } from './values.ts'

/** A canvas and the first arguments of the error handlers that are called, sorted. */
type Case = readonly [title: string, build: (kit: Kit) => Canvas, called: readonly string[]]

/** `f` fails, `i` does not: members of a header, each with an error handler of the header's. */
const header = ({ group, fail, ident }: Kit, letters: string, errback?: Canvas): Canvas => {
  const members = group([...letters].map((letter) => (letter === 'f' ? fail.s() : ident.s(1))))
  return errback === undefined ? members : members.linkError(errback)
}

const CASES: readonly Case[] = [
  ['C-56 a task', ({ fail, errLog }) => fail.s().linkError(errLog.s('e')), ['e']],
  ['C-56 onError is the same', ({ fail, errLog }) => fail.s().onError(errLog.s('e')), ['e']],
  [
    'C-58 several',
    ({ fail, errLog }) => fail.s().linkError(errLog.s('a')).linkError(errLog.s('b')),
    ['a', 'b'],
  ],
  [
    'C-58 one that throws',
    ({ fail, boom, errLog }) => fail.s().linkError(boom.s()).linkError(errLog.s('b')),
    ['b'],
  ],
  ['C-60 discard', ({ discard, errLog }) => discard.s().linkError(errLog.s('e')), ['e']],
  [
    'C-65 a chain: one failure, one call',
    ({ chain, ident, fail, errLog }) =>
      chain(ident.s(1), fail.s(), ident.s(), ident.s()).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-65 a chain: nor twice when a chord in it has a group as body',
    ({ chain, chord, group, ident, fail, xsum, errLog }) =>
      chain(chord([ident.s(1)], group([fail.s(), ident.s()])), xsum.s()).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-66 the same on the step and on the chain',
    ({ chain, ident, fail, errLog }) =>
      chain(ident.s(1), fail.s().linkError(errLog.s('e'))).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-66 one on the step, another on the chain',
    ({ chain, ident, fail, errLog }) =>
      chain(ident.s(1), fail.s().linkError(errLog.s('step'))).linkError(errLog.s('chain')),
    ['chain', 'step'],
  ],
  [
    'C-67 42 steps with one each, the first fails',
    ({ chain, ident, fail, errLog }) =>
      chain(fail.s().linkError(errLog.s('e')), ...times(41, ident.s().linkError(errLog.s('e')))),
    ['e'],
  ],
  [
    'C-68 a group: one for each that fails',
    ({ group, fail, ident, errLog }) => group([fail.s(), ident.s(1), fail.s()]).linkError(errLog.s('e')),
    ['e', 'e'],
  ],
  [
    'C-69 42 of 66 fail',
    ({ group, fail, ident, errLog }) =>
      group([...times(24, ident.s(1)), ...times(42, fail.s())]).linkError(errLog.s('e')),
    times(42, 'e'),
  ],
  [
    'C-70 a chord: one',
    ({ chord, fail, ident, tsum, errLog }) =>
      chord([fail.s(), ident.s(1)], tsum.s()).linkError(errLog.s('e')),
    ['e'],
  ],
  ...(['fff', 'fi', 'fii', 'fif', 'fifi', 'fifif'] as const).flatMap((letters): Case[] => [
    [
      `C-71 on header and chord (${letters})`,
      (kit) => kit.chord(header(kit, letters, kit.errLog.s('e')), kit.tsum.s()).linkError(kit.errLog.s('e')),
      times(letters.replaceAll('i', '').length + 1, 'e'),
    ],
    [
      `C-71 on header and what follows it (${letters})`,
      (kit) => kit.chain(header(kit, letters, kit.errLog.s('e')), kit.tsum.s().linkError(kit.errLog.s('e'))),
      times(letters.replaceAll('i', '').length + 1, 'e'),
    ],
  ]),
  [
    'C-72 the body fails itself',
    ({ chord, ident, fail, errLog }) => chord([ident.s(1)], fail.s()).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-73 not pushed into a chord in the header',
    ({ chord, fail, ident, tsum, errLog }) =>
      chord(
        [chord([fail.s(), ident.s(1)], tsum.s()).linkError(errLog.s('inner')), ident.s(2)],
        tsum.s(),
      ).linkError(errLog.s('outer')),
    ['inner', 'outer'],
  ],
  [
    'C-75 a group as body',
    ({ chord, group, fail, ident, errLog }) =>
      chord([fail.s()], group([ident.s(), ident.s()])).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-162 a chain whose chord never begins',
    ({ chain, chord, fail, ident, tsum, errLog }) =>
      chain(fail.s(), chord([ident.s(), ident.s()], tsum.s())).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-170 a chain as body',
    ({ chord, chain, fail, tsum, ident, errLog }) =>
      chord([fail.s()], chain(tsum.s(), ident.s())).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-172 a chord as body',
    ({ chord, fail, ident, errLog }) =>
      chord([fail.s()], chord([ident.s(), ident.s()], ident.s())).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-167 a chord in a header',
    ({ chord, fail, ident, tsum, errLog }) =>
      chord([chord([fail.s()], tsum.s()), ident.s(1)], tsum.s()).linkError(errLog.s('e')),
    ['e'],
  ],
  [
    'C-45 a callback that fails: its own, not those of its parent',
    ({ ident, fail, errLog }) =>
      ident
        .s(1)
        .link(fail.s().linkError(errLog.s('child')))
        .linkError(errLog.s('parent')),
    ['child'],
  ],
]

eachLane((lane) => {
  test.for(CASES)('calls for %s', async ([, build, called]) => {
    const { calls } = evaluate(build(kitOf(lane.tasks)).data, PURE)
    const expected = calls.filter(({ task }) => task === 'errLog').map(({ args }) => args[0])
    expect(expected.toSorted(), 'by the evaluator').toEqual(called)
    const end = await run(lane, build)
    expect(end.called).toEqual(called)
  })

  test('C-56 C-64 gets an object that says what failed, and is of its family', async () => {
    const { handle, calls, nodes } = await run(lane, ({ chain, ident, fail, errLog }) =>
      chain(ident.s('a'), fail.s('no luck').linkError(errLog.s('e').with({ queue: 'z' }))),
    )
    const failed = nodes.at(-1)
    expect(calls.map(({ failure }) => failure)).toEqual([
      {
        jobId: failed?.id,
        task: 'fail',
        // Its own; what it took from the step before is not among them.
        args: ['no luck'],
        attempt: 1,
        state: 'failed',
        error: expect.objectContaining({ name: 'ExpectedError', message: 'no luck' }),
        workflow: handle.workflow.id,
      },
    ])
    const handlers = await lane.database.query(
      'select queue, root_id, parent_id from celeriac.results where id = $1',
      [calls[0]?.jobId],
    )
    expect(handlers).toEqual([{ queue: 'z', root_id: nodes[0]?.id, parent_id: failed?.id }])
  })

  test('C-57 an immutable one gets its own arguments alone', async () => {
    await run(lane, ({ fail, echo }) => fail.s().linkError(echo.si('C-57', 'alone')))
    expect(await echoesOf(lane.database, 'C-57')).toEqual(['alone'])
  })

  test('C-70 C-163 of a chord is told ChordError with its cause and the id of what failed', async () => {
    const { calls, nodes } = await run(lane, ({ chord, fail, ident, tsum, errLog }) =>
      chord([fail.s('no luck'), ident.s(1)], tsum.s()).linkError(errLog.s('e')),
    )
    expect(calls[0]?.failure).toMatchObject({
      error: {
        name: 'ChordError',
        code: 'CHORD_FAILED',
        failedIds: [nodes.find(({ task }) => task === 'fail')?.id],
        cause: { name: 'ExpectedError', message: 'no luck' },
      },
    })
  })

  test('C-59 C-48 comes once, after the last attempt', async () => {
    const { calls } = await run(lane, ({ boom, errLog, count }) =>
      boom
        .s()
        .with({ maxAttempts: 3, backoff: [0] })
        .linkError(errLog.s('e'))
        .link(count.si('C-48 never')),
    )
    expect(calls.map(({ failure }) => failure.attempt)).toEqual([3])
  })

  test('C-61 comes once for a time limit', async () => {
    const { called, calls } = await run(lane, ({ sleep, errLog }) =>
      sleep.s(5_000, 1).with({ timeLimit: '50ms', maxAttempts: 1 }).linkError(errLog.s('e')),
    )
    expect([called, calls[0]?.failure.error]).toEqual([
      ['e'],
      expect.objectContaining({ code: 'TIME_LIMIT' }),
    ])
  })

  test('C-62 may retry, and no other hears of it', async () => {
    const { handle, called } = await run(lane, ({ fail, retryN, errLog }) =>
      fail.s().linkError(retryN.s(3)).linkError(errLog.s('e')),
    )
    const handlers = await lane.database.query<{ attempt: number }>(
      `select attempt from celeriac.results where root_id = $1 and task = 'retryN'`,
      [handle.id],
    )
    expect([called, handlers]).toEqual([['e'], [{ attempt: 3 }]])
  })
})
