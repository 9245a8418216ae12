import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { blocked } from '../support/apps.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { ended } from './ends.ts'
import { type Lane, startProcess, useLane } from './harness.ts'
import { holding } from './holding.ts'
import { type AnyHandle, type Canvas, kitOf, times } from './kit.ts'
import { nodesOf } from './quiescence.ts'
import { countOf, runsOf } from './tables.ts'

/** What the server makes of a statement whose client is gone: it ends it, or not. */
const SERVER = [
  ['while the server still goes on', false],
  ['and its session ends', true],
] as const

describe('a worker process that is killed', () => {
  const lane = useLane({ name: 'killed' })

  test.each(SERVER)(
    'C-50 before its job is settled, %s: one callback',
    { timeout: 60_000 },
    async (_, ends) => {
      const { hold, count } = kitOf(lane.tasks)
      const key = `C-50 ${ends}`
      const handle = await killedBeforeSettling(lane, (lock) => hold.s(1, lock).link(count.si(key)), ends)
      const { states } = await settledLate(lane, handle)
      expect(states).toEqual(['hold succeeded', 'count succeeded'])
      expect(await countOf(lane.database, key)).toBe(1)
    },
  )

  test.each(SERVER)(
    'C-201 before its replacement is there, %s: one of it',
    { timeout: 60_000 },
    async (_, ends) => {
      const { chain, replaceHeld, count, add } = kitOf(lane.tasks)
      const key = `C-201 ${ends}`
      const inner = chain(add.s(1), add.s(2).link(count.si(key))).toJSON()
      const handle = await killedBeforeSettling(
        lane,
        (lock) => chain(replaceHeld.s(1, inner, lock), add.s(10)),
        ends,
      )
      const { value, states } = await settledLate(lane, handle)
      expect(value).toBe(14)
      expect(states.toSorted()).toEqual([...times(3, 'add succeeded'), 'count succeeded', expect.any(String)])
      expect(await countOf(lane.database, key)).toBe(1)
    },
  )

  test('C-86 in step 3 of 5 repeats neither step 1 nor 2', { timeout: 60_000 }, async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { chain, ident, add, hold } = kitOf(lane.tasks)
      const handle = await chain(ident.s(1), add.s(1), hold.s(number), add.s(1), add.s(1)).enqueue()
      await reached()
      const nodes = await nodesOf(lane.database, handle.workflow.id)
      await killRunner(lane, nodes[2]?.id)
      await release()
      const { value } = await settledLate(lane, handle)
      const runs = await runsOf(
        lane.database,
        nodes.map(({ id }) => id),
      )
      expect([value, nodes.map(({ id }) => runs[id])]).toEqual([4, [1, 1, 2, 1, 1]])
    })
  })

  test('C-63 right after a failure loses no errback', { timeout: 60_000 }, async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { fail, hold, errLog } = kitOf(lane.tasks)
      const handle = await fail.s().linkError(hold.s(number)).linkError(errLog.s('e')).enqueue()
      await reached()
      const [held] = await lane.database.query<{ id: string }>(
        `select id from celeriac.jobs where task = 'hold' and parent_id = $1`,
        [handle.id],
      )
      await killRunner(lane, held?.id)
      await release()
      expect((await settledLate(lane, handle)).called).toEqual(['e'])
      expect(await lane.app.job(held?.id ?? '').state()).toBe('succeeded')
    })
  })

  test('C-61 with a job that may begin once only: one errback', { timeout: 60_000 }, async () => {
    await holding(lane, async ({ number, reached }) => {
      const { hold, errLog } = kitOf(lane.tasks)
      const handle = await hold.s(1, number).with({ atMostOnce: true }).linkError(errLog.s('e')).enqueue()
      await reached()
      await killRunner(lane, handle.id)
      const { called, calls } = await settledLate(lane, handle)
      expect([called, calls[0]?.failure.error]).toEqual([
        ['e'],
        expect.objectContaining({ code: 'WORKER_LOST' }),
      ])
    })
  })

  test('C-127 C-255 within a chord: the member runs twice and counts once', { timeout: 60_000 }, async () => {
    await holding(lane, async ({ number, reached, release }) => {
      const { chord, hold, ident, count } = kitOf(lane.tasks)
      const labels = { tenant: 'acme' }
      const handle = await chord(
        [hold.s(1, number), ident.s(2), hold.s(3, number)],
        ident.s().link(count.si('C-127')),
      )
        .with({ labels })
        .enqueue()
      await reached(2)
      const nodes = await nodesOf(lane.database, handle.workflow.id)
      await killRunner(lane, nodes[0]?.id)
      await release()
      const end = await settledLate(lane, handle)
      expect(end.value).toEqual([1, 2, 3])
      expect(end.nodes.map((node) => node.labels)).toEqual(end.nodes.map(() => labels))
      expect(await countOf(lane.database, 'C-127')).toBe(1)
    })
  })
})

describe('a producer process that is killed', () => {
  const lane = useLane({ name: 'producer' })

  test.each(SERVER)(
    'C-263 within enqueuing 10,000 members, %s: all or none',
    { timeout: 60_000 },
    async (_, ends) => {
      const { database } = lane
      await using session = await openSession(database.url)
      await session.query('begin')
      await session.query('lock table celeriac.dependencies in share mode')
      const producer = fork(join(import.meta.dirname, 'producer-program.ts'), {
        env: { ...process.env, DATABASE_URL: database.url },
      })
      const [backend] = await until(async () => {
        const pids = await blocked(database, '%start_workflow%')
        return pids.length > 0 && pids
      })
      await killed(producer)
      if (ends) await database.query('select pg_terminate_backend($1)', [backend])
      await session.query('commit')
      const members = async (): Promise<number> => {
        const [row] = await database.query<{ n: number }>(
          `select count(*)::int as n from celeriac.job_list where task = 'noop'`,
        )
        return row?.n ?? -1
      }
      await until(
        async () =>
          (
            await database.query('select from pg_stat_activity where pid = $1 and state = $2', [
              backend,
              'active',
            ])
          ).length === 0,
      )
      expect(await members()).toBe(ends ? 0 : 10_000)
      await database.query('truncate celeriac.jobs')
    },
  )
})

/**
 * Runs a canvas whose first job stands at a lock, and kills that job's worker when its handler has returned and its row
 * cannot be settled yet.
 */
async function killedBeforeSettling(
  lane: Lane,
  build: (lock: number) => Canvas,
  ends: boolean,
): Promise<AnyHandle> {
  const { database } = lane
  return holding(lane, async ({ number, reached, release }) => {
    await using session = await openSession(database.url)
    const handle = await build(number).enqueue()
    await reached()
    const [first] = await nodesOf(database, handle.workflow.id)
    await session.query('begin')
    await session.query('select from celeriac.jobs where id = $1 for update', [first?.id])
    await release()
    const [backend] = await until(async () => {
      const pids = await blocked(database, '%work_cycle%')
      return pids.length > 0 && pids
    })
    await killRunner(lane, first?.id)
    if (ends) await database.query('select pg_terminate_backend($1)', [backend])
    await session.query('commit')
    return handle
  })
}

/** Kills the process that runs a job, and starts another one. */
async function killRunner(lane: Lane, id: string | undefined): Promise<void> {
  const [run] = await lane.database.query<{ pid: number }>(
    'select pid from runs where job_id = $1 order by at desc limit 1',
    [id],
  )
  const at = lane.processes.findIndex(({ pid }) => pid === run?.pid)
  const [victim] = lane.processes.splice(at, 1)
  victim?.signal('SIGKILL')
  expect(await victim?.ended).toBe('SIGKILL')
  lane.processes.push(await startProcess(lane.database))
}

/** Waits for what a rescue has to bring back first. */
async function settledLate(lane: Lane, handle: AnyHandle): ReturnType<typeof ended> {
  await handle.settled({ timeout: '20s' })
  await until(
    async () =>
      (await lane.database.query('select from celeriac.jobs where workflow_id = $1', [handle.workflow.id]))
        .length === 0,
    { timeoutMs: 20_000 },
  )
  return ended(lane, handle)
}

async function killed(child: ChildProcess): Promise<void> {
  const end = once(child, 'exit')
  child.kill('SIGKILL')
  await end
}
