import { expect, test } from 'vitest'
import { JobCancelledError } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { causesOf, ended, run } from './ends.ts'
import { eachLane, type Lane } from './harness.ts'
import { holding } from './holding.ts'
import { type AnyHandle, type Canvas, type Kit, kitOf } from './kit.ts'
import { nodesOf } from './quiescence.ts'

/** Starts a canvas whose first task stands at a lock, and gives the ids of its nodes. */
async function started(lane: Lane, canvas: Canvas): Promise<{ handle: AnyHandle; ids: string[] }> {
  const handle = await canvas.enqueue()
  const nodes = await nodesOf(lane.database, handle.workflow.id)
  return { handle, ids: nodes.map(({ id }) => id) }
}

eachLane((lane) => {
  const cancel = (id: string | undefined) => lane.app.job(id ?? '').cancel({ reason: 'no need' })
  const kit = (): Kit => kitOf(lane.tasks)

  test('C-177 a waiting step: what is below is cancelled at once, what runs goes on', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { chain, hold, ident } = kit()
      const { handle, ids } = await started(lane, chain(hold.s(1, number), ident.s(), ident.s()))
      await reached()
      expect(await cancel(ids[1])).toBe('cancelled')
      await expect(handle.result({ timeout: '5s' })).rejects.toThrow(JobCancelledError)
      await release()
      const { states, nodes } = await ended(lane, handle)
      expect(states).toEqual(['hold succeeded', 'ident cancelled', 'ident cancelled'])
      expect(nodes[2]?.error).toMatchObject({ message: 'no need', upstream: ids[1] })
    })
  })

  test('C-178 the handle of a chain is its last step; its workflow is everything that has not begun', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { chain, hold, ident } = kit()
      const one = await started(lane, chain(hold.s(1, number), ident.s(), ident.s()))
      await reached()
      await one.handle.cancel()
      await release()
      expect((await ended(lane, one.handle)).states).toEqual([
        'hold succeeded',
        'ident succeeded',
        'ident cancelled',
      ])
    })
    await holding(lane, async ({ number, reached }) => {
      const { chain, hold, ident } = kit()
      const all = await started(lane, chain(ident.s(1), hold.s(number), ident.s(), ident.s()))
      await reached()
      await all.handle.workflow.cancel()
      expect((await ended(lane, all.handle)).states).toEqual([
        'ident succeeded',
        'hold cancelled',
        'ident cancelled',
        'ident cancelled',
      ])
    })
  })

  test('C-179 C-184 a group: each member, also those that run', async () => {
    await holding(lane, async ({ number, reached }) => {
      const { group, hold, ident } = kit()
      const { handle } = await started(
        lane,
        group([hold.s(1, number), ident.s(2).with({ delay: '1h' }), ident.s(3).with({ delay: '1h' })]),
      )
      await reached()
      await handle.cancel()
      const { states, error } = await ended(lane, handle)
      expect(states).toEqual(['hold cancelled', 'ident cancelled', 'ident cancelled'])
      expect(error).not.toBeNull()
    })
  })

  test('C-180 a header member: ChordError, one call, the others run', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { chord, hold, ident, tsum, errLog } = kit()
      const { handle, ids } = await started(
        lane,
        chord([hold.s(1, number), ident.s(2).with({ delay: '1h' })], tsum.s()).linkError(errLog.s('e')),
      )
      await reached()
      await cancel(ids[1])
      await release()
      const { states, called, error } = await ended(lane, handle)
      expect([states, called]).toEqual([['hold succeeded', 'ident cancelled', 'tsum failed'], ['e']])
      expect(causesOf(error)).toEqual(['ChordError', 'JobCancelledError'])
    })
  })

  test('C-181 a step within a header', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { chord, chain, hold, ident, tsum, errLog } = kit()
      const { handle, ids } = await started(
        lane,
        chord([chain(hold.s(1, number), ident.s(), ident.s()), ident.s(2)], tsum.s()).linkError(
          errLog.s('e'),
        ),
      )
      await reached()
      await cancel(ids[1])
      await release()
      const { states, called } = await ended(lane, handle)
      expect([states, called]).toEqual([
        ['hold succeeded', 'ident cancelled', 'ident cancelled', 'ident succeeded', 'tsum failed'],
        ['e'],
      ])
    })
  })

  test('C-182 the body: the header goes on, nobody is called', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { chord, hold, ident, tsum, errLog } = kit()
      const { handle } = await started(
        lane,
        chord([hold.s(1, number), ident.s(2)], tsum.s()).linkError(errLog.s('e')),
      )
      await reached()
      await handle.cancel()
      await release()
      const { states, called } = await ended(lane, handle)
      expect([states, called]).toEqual([['hold succeeded', 'ident succeeded', 'tsum cancelled'], []])
    })
  })

  test('C-184 C-60 kill a running header member', async () => {
    await holding(lane, async ({ number, reached }) => {
      const { chord, hold, ident, tsum, errLog } = kit()
      const { handle, ids } = await started(
        lane,
        chord([hold.s(1, number).linkError(errLog.s('member')), ident.s(2)], tsum.s()).linkError(
          errLog.s('body'),
        ),
      )
      await reached()
      expect(await lane.app.job(ids[0] ?? '').kill()).toBe('killed')
      const { states, called } = await ended(lane, handle)
      expect([states, called]).toEqual([['hold cancelled', 'ident succeeded', 'tsum failed'], ['body']])
    })
  })

  test('C-48 C-60 neither callback nor errback after a cancel', async () => {
    const { ident, count, errLog } = kit()
    const { handle, ids } = await started(
      lane,
      ident.s(1).with({ delay: '1h' }).link(count.si('C-60')).linkError(errLog.s('e')),
    )
    await cancel(ids[0])
    const { states, called } = await ended(lane, handle)
    expect([states, called]).toEqual([['ident cancelled', 'count cancelled'], []])
  })

  test('C-183 C-226 C-188 a chain that expires between its steps', async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { chain, hold, ident } = kit()
      const { handle } = await started(
        lane,
        chain(hold.s(1, number), ident.s(), ident.s()).with({ expires: '400ms' }),
      )
      await reached()
      const rows = await lane.database.query(
        'select count(distinct expires_at)::int as instants from celeriac.jobs where workflow_id = $1',
        [handle.workflow.id],
      )
      expect(rows).toEqual([{ instants: 1 }])
      await until(async () => {
        const late = 'select from celeriac.jobs where workflow_id = $1 and expires_at < celeriac.clock()'
        return (await lane.database.query(late, [handle.workflow.id])).length > 0
      })
      await release()
      const { states, nodes, error } = await ended(lane, handle)
      expect(states).toEqual(['hold succeeded', 'ident cancelled', 'ident cancelled'])
      expect([nodes[1]?.error?.code, error instanceof JobCancelledError]).toEqual(['JOB_EXPIRED', true])
    })
  })

  test('C-186 a snooze is no failure', async () => {
    const { value, states } = await run(lane, ({ chain, snoozeOnce, ident }) =>
      chain(snoozeOnce.s(7), ident.s()),
    )
    expect([value, states]).toEqual([7, ['snoozeOnce succeeded', 'ident succeeded']])
  })

  test('C-186 a discard is one', async () => {
    const { states, error } = await run(lane, ({ chain, discard, ident }) => chain(discard.s(), ident.s()))
    expect([states, error?.cause]).toEqual([
      ['discard failed', 'ident failed'],
      expect.objectContaining({ code: 'JOB_DISCARDED' }),
    ])
  })

  test('C-187 a value that is not kept still reaches whoever needs it', async () => {
    const { value, nodes } = await run(lane, ({ chain, group, ident, tsum }) =>
      chain(
        ident.s(1).with({ ignoreResult: true }),
        group([ident.s().with({ ignoreResult: true }), ident.s()]),
        tsum.s(),
      ),
    )
    expect([value, nodes.map((node) => node.value)]).toEqual([2, [null, null, 1, 2]])
  })

  test('C-187 it is null for who asks', async () => {
    const { value } = await run(lane, ({ group, ident }) =>
      group([ident.s(1).with({ ignoreResult: true }), ident.s(2)]),
    )
    expect(value).toEqual([null, 2])
  })
})
