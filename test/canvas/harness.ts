import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe } from 'vitest'
import { Celeriac, type Worker } from '../../src/index.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { endWorkerProcesses, type WorkerProcess, workerProcess } from '../support/worker-processes.ts'
import { makeTables } from './tables.ts'
import { defineTasks, QUEUES, type Tasks } from './tasks.ts'

/*
 * Who runs the cases: every case is proven with one slot, with eight, and with three processes. Workers live as long as
 * the cases of a file; each lane has a database of its own.
 */

/** What the cases of a lane share. */
export interface Lane {
  readonly database: TestDatabase
  /** It enqueues; who works depends on the lane. */
  readonly app: Celeriac
  readonly tasks: Tasks
  /** The worker processes, in the lane that has some. */
  readonly processes: WorkerProcess[]
}

/** A way to run cases. */
export interface LaneKind {
  readonly name: string
  /** Slots of the one worker in this process; none: worker processes. */
  readonly concurrency?: number
}

export const LANES: readonly LaneKind[] = [
  { name: 'one worker with 1 slot', concurrency: 1 },
  { name: 'one worker with 8 slots', concurrency: 8 },
  { name: 'three worker processes' },
]

/** Runs the same cases in each lane. */
export function eachLane(cases: (lane: Lane) => void, lanes: readonly LaneKind[] = LANES): void {
  describe.each(lanes)('$name', (kind) => cases(useLane(kind)))
}

/** The lane of the tests that are defined where this is called. */
export function useLane(kind: LaneKind): Lane {
  let opened: (Lane & AsyncDisposable) | undefined
  const lane = (): Lane => {
    if (opened === undefined) throw new Error('the lane is there only inside of tests and hooks')
    return opened
  }
  beforeAll(async () => {
    opened = await openLane(kind)
  })
  afterAll(async () => {
    await endWorkerProcesses()
    await opened?.[Symbol.asyncDispose]()
  })
  return {
    get database() {
      return lane().database
    },
    get app() {
      return lane().app
    },
    get tasks() {
      return lane().tasks
    },
    get processes() {
      return lane().processes
    },
  }
}

async function openLane({ concurrency }: LaneKind): Promise<Lane & AsyncDisposable> {
  const database = await createDatabase({ name: 'canvas' })
  await makeTables(database)
  const app = new Celeriac({ database: database.url, log: 'silent' })
  const pool = new pg.Pool({ connectionString: database.url, max: 12 })
  // The database is dropped by force while it may still be connected.
  pool.on('error', () => undefined)
  const tasks = defineTasks(app, pool)
  const worker = concurrency === undefined ? null : await startWorker(app, concurrency)
  const processes = worker === null ? await startProcesses(database) : []
  return {
    database,
    app,
    tasks,
    processes,
    [Symbol.asyncDispose]: async () => {
      await app.stop()
      await pool.end()
      await database.drop()
    },
  }
}

async function startWorker(app: Celeriac, concurrency: number): Promise<Worker> {
  const worker = app.worker({ concurrency, queues: QUEUES, stopTimeout: 0, abortGrace: '100ms' })
  await worker.start()
  return worker
}

function startProcesses(database: TestDatabase): Promise<WorkerProcess[]> {
  return Promise.all([1, 2, 3].map(() => startProcess(database)))
}

/** One more worker process of the fixture tasks. */
export function startProcess(database: TestDatabase, concurrency = 3): Promise<WorkerProcess> {
  return workerProcess(database.url, {
    concurrency,
    program: join(import.meta.dirname, 'worker-program.ts'),
  })
}
