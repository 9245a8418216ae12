import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Signature } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { type Evaluation, evaluate } from './evaluate.ts'
import { type Lane, startProcess, useLane } from './harness.ts'
import type { AnyHandle, Canvas } from './kit.ts'
import { allNodes, assertQuiescent } from './quiescence.ts'
import { type RandomCanvas, randomCanvas } from './random-canvas.ts'
import { callsIn } from './tables.ts'
import { scripted } from './values.ts'

/** How many canvases, and the seed to see the same again: CANVASES=2000 SEED=7 npx vitest run test/canvas/random.test.ts */
const CANVASES = Number(process.env.CANVASES ?? 60)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)

/** What a canvas came to, in the words of the evaluator. */
interface Outcome {
  readonly end: unknown
  readonly states: Readonly<Record<string, string>>
  /** Error handlers by how often they were called. */
  readonly calls: Readonly<Record<string, number>>
}

describe(`random canvases (seed ${SEED})`, () => {
  describe('in one worker with 8 slots', () => {
    const lane = useLane({ name: 'random', concurrency: 8 })

    test('end as their signatures say, with failures, retries and cancels', {
      timeout: 600_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(randomCanvas(200), async (canvas) => {
          const handle = await start(lane, canvas)
          expect(await outcomeOf(lane, handle)).toEqual(expected(canvas))
        }),
        { numRuns: CANVASES, seed: SEED },
      )
    })
  })

  describe('in three processes', () => {
    const lane = useLane({ name: 'random' })

    test('end as their signatures say though workers are killed', { timeout: 600_000 }, async () => {
      const canvases = fc.sample(randomCanvas(200), { numRuns: Math.ceil(CANVASES / 2), seed: SEED + 1 })
      for (let at = 0; at < canvases.length; at += 10) {
        const some = canvases.slice(at, at + 10)
        const handles = await Promise.all(some.map((canvas) => start(lane, canvas)))
        await until(async () => (await settled(lane, handles)) > 20, { every: 5, timeoutMs: 3_000 }).catch(
          () => 0,
        )
        const victim = lane.processes.shift()
        await until(() => holds(lane, victim?.pid ?? 0), { every: 1, timeoutMs: 3_000 }).catch(() => false)
        victim?.signal('SIGKILL')
        lane.processes.push(await startProcess(lane.database))
        for (const [index, handle] of handles.entries()) {
          const canvas = some[index]
          if (canvas === undefined) continue
          await until(async () => (await unsettled(lane, handle)) === 0, { timeoutMs: 30_000 })
          expect(await outcomeOf(lane, handle), JSON.stringify(canvas)).toEqual(expected(canvas))
        }
      }
      const lost = await lane.database.query(`select from celeriac.attempts where outcome = 'lost'`)
      expect(lost.length, 'attempts that were lost').toBeGreaterThan(0)
    })
  })
})

function expected({ data, cancelled }: RandomCanvas): Outcome {
  const evaluation: Evaluation = evaluate(data, scripted(new Set(cancelled)))
  return {
    end: evaluation.end,
    states: Object.fromEntries(evaluation.states),
    calls: counted(evaluation.calls.map(({ args }) => String(args[0]))),
  }
}

/** Enqueues a canvas and cancels what is to be cancelled, in one transaction. */
async function start(lane: Lane, { data, cancelled }: RandomCanvas): Promise<AnyHandle> {
  const client = await lane.database.pool.connect()
  try {
    await client.query('begin')
    const canvas = Signature.from(data, lane.app) as unknown as Canvas
    const handle = await canvas.with({ tx: client }).enqueue()
    for (const key of cancelled) {
      await client.query(
        `select celeriac.cancel_jobs(array (
          select id from celeriac.jobs where workflow_id = $1 and task = 'step' and args -> -1 ->> 'key' = $2
        ), null)`,
        [handle.workflow.id, key],
      )
    }
    await client.query('commit')
    return handle
  } finally {
    client.release()
  }
}

async function outcomeOf(lane: Lane, handle: AnyHandle): Promise<Outcome> {
  await assertQuiescent(lane.database, handle.workflow.id)
  const end = await handle.settled({ timeout: '10s' })
  const nodes = await allNodes(lane.database, handle.workflow.id)
  const calls = await callsIn(lane.database, handle.workflow.id)
  const output = nodes.find(({ id }) => id === handle.id)
  return {
    end: end.ok ? { ok: true, value: withoutErrors(end.value) } : { ok: false, state: output?.state },
    states: Object.fromEntries(
      nodes.flatMap(({ task, state, key }) => (task === 'step' ? [[key ?? '', state]] : [])),
    ),
    calls: counted(calls.map(({ own }) => String(own[0]))),
  }
}

/** Whether a worker process runs something now. */
async function holds(lane: Lane, pid: number): Promise<boolean> {
  const rows = await lane.database.query(
    'select from celeriac.workers as worker join celeriac.jobs as job on job.worker_id = worker.id where worker.pid = $1',
    [pid],
  )
  return rows.length > 0
}

async function settled(lane: Lane, handles: readonly AnyHandle[]): Promise<number> {
  const [row] = await lane.database.query<{ n: number }>(
    'select count(*)::int as n from celeriac.results where workflow_id = any ($1)',
    [handles.map(({ workflow }) => workflow.id)],
  )
  return row?.n ?? 0
}

async function unsettled(lane: Lane, handle: AnyHandle): Promise<number> {
  const rows = await lane.database.query('select from celeriac.jobs where workflow_id = $1', [
    handle.workflow.id,
  ])
  return rows.length
}

function counted(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1
  return counts
}

function withoutErrors(value: unknown): unknown {
  if (value instanceof Error) return 'an error'
  if (Array.isArray(value)) return value.map(withoutErrors)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutErrors(inner)]))
}
