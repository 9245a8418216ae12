import { expect, test } from 'vitest'
import { ended, run } from './ends.ts'
import { eachLane } from './harness.ts'
import { kitOf } from './kit.ts'
import { resultOf } from './values.ts'

/** What failed runs again, and with it what has therefore never begun. */

eachLane((lane) => {
  const allow = (key: string) =>
    lane.database.query('insert into counters values ($1, 1) on conflict do nothing', [key])

  test('C-273 a failed step and all that is below it', async () => {
    const { handle, states } = await run(lane, ({ chain, group, ident, needs, xsum }) =>
      chain(ident.s(1), needs.s('C-273 step'), group([ident.s(), ident.s()]), xsum.s()),
    )
    expect(states).toEqual(['ident succeeded', 'needs failed', 'ident failed', 'ident failed', 'xsum failed'])
    await allow('C-273 step')
    expect(await handle.workflow.retryFailed()).toBeGreaterThan(0)
    expect(await resultOf(handle)).toBe(2)
    const again = await ended(lane, handle)
    expect(again.nodes.map(({ state, runs }) => [state, runs])).toEqual([
      ['succeeded', 1],
      ['succeeded', 2],
      ['succeeded', 1],
      ['succeeded', 1],
      ['succeeded', 1],
    ])
  })

  test('C-273 a header member: the body gets values of both runs', async () => {
    const { handle, error } = await run(lane, ({ chord, ident, needs, tsum }) =>
      chord([ident.s(1), needs.s(2, 'C-273 member')], tsum.s()),
    )
    expect(error).not.toBeNull()
    await allow('C-273 member')
    await handle.workflow.retryFailed()
    expect(await resultOf(handle)).toBe(3)
    const again = await ended(lane, handle)
    expect(again.nodes.map(({ runs }) => runs)).toEqual([1, 2, 1])
  })

  test('C-273 from a node on: everything that follows from it, whatever it came to', async () => {
    const { handle, nodes } = await run(lane, ({ chain, ident, add }) =>
      chain(ident.s(1), add.s(1), add.s(1)),
    )
    expect(await handle.workflow.rerun(nodes[1]?.id ?? '')).toBeGreaterThan(0)
    const again = await ended(lane, handle)
    expect([again.value, again.nodes.map(({ runs }) => runs)]).toEqual([3, [1, 2, 2]])
  })

  test('C-273 calls error handlers again only when it fails again', async () => {
    const { chord, ident, needs, tsum, errLog } = kitOf(lane.tasks)
    const handle = await chord([ident.s(1), needs.s(2, 'C-273 calls')], tsum.s())
      .linkError(errLog.s('e'))
      .enqueue()
    expect((await ended(lane, handle)).called).toEqual(['e'])
    await handle.workflow.retryFailed()
    expect((await ended(lane, handle)).called).toEqual(['e', 'e'])
    await allow('C-273 calls')
    await handle.workflow.retryFailed()
    expect((await ended(lane, handle)).called).toEqual(['e', 'e'])
    expect(await resultOf(handle)).toBe(3)
  })
})
