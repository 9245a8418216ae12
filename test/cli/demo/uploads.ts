import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { askRights, type RightsService, startRights } from '../../../src/cli/demo/rights.ts'
import type { Surroundings } from '../../../src/cli/demo/steps.ts'
import { DEMO_QUEUE, type DemoSettings, type DemoTasks, demoTasks } from '../../../src/cli/demo/tasks.ts'
import type { Upload } from '../../../src/cli/demo/upload.ts'
import { Celeriac } from '../../../src/index.ts'
import type { Workflow } from '../../../src/job/workflow.ts'
import type { TestDatabase } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { useFolder } from './folder.ts'
import { fixture } from './sounds.ts'

/** What the cases of the workflow share: an app that enqueues, and everything its tasks need. */
export interface Uploads {
  readonly app: Celeriac
  readonly tasks: DemoTasks
  readonly settings: DemoSettings
  readonly rights: RightsService
  /** Works in this process from here on, until the end of the test. */
  work(concurrency: number): Promise<void>
}

/** Runs a step without a job around it. */
export const alone = (cloud: string): Surroundings => ({
  cloud,
  signal: new AbortController().signal,
  report: () => undefined,
})

/** A short recording with a name of its own. */
export const recording = (track: string, file = 'two-tones.mp3'): Upload => ({ path: fixture(file), track })

/**
 * Makes the surroundings of the workflow for each test of a file; the copyright service is awake.
 *
 * @param pieceMs - what a twentieth of an upload takes
 */
export function useUploads(database: TestDatabase, pieceMs = 0): Uploads {
  const cloud = useFolder()
  let made: Omit<Uploads, 'work'> | undefined
  const uploads = (): Omit<Uploads, 'work'> => {
    made ??= open(cloud.path)
    return made
  }
  let service: RightsService | undefined
  beforeAll(async () => {
    service = await startRights()
    const { url } = service
    await until(() => askRights(url, 'awake', new AbortController().signal))
  })
  afterAll(() => service?.stop())
  afterEach(async () => {
    await made?.app.stop()
    made = undefined
  })

  function open(folder: string): Omit<Uploads, 'work'> {
    if (service === undefined) throw new Error('the uploads are there only inside of tests')
    const app = new Celeriac({ database: database.url, log: 'silent' })
    const settings = { cloud: folder, rightsUrl: service.url, pieceMs }
    return { app, tasks: demoTasks(app, settings), settings, rights: service }
  }
  return {
    get app() {
      return uploads().app
    },
    get tasks() {
      return uploads().tasks
    },
    get settings() {
      return uploads().settings
    },
    get rights() {
      return uploads().rights
    },
    work: async (concurrency) => {
      const worker = uploads().app.worker({
        queues: [DEMO_QUEUE],
        concurrency,
        stopTimeout: 0,
        abortGrace: '100ms',
      })
      await worker.start()
    },
  }
}

/** Waits until nothing of a workflow is unsettled, its error handlers as well; gives the states of its jobs by task. */
export async function statesAtRest(
  workflow: Pick<Workflow, 'tree'>,
  timeoutMs = 60_000,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const nodes = await until(
    async () => {
      const all = (await workflow.tree()).all()
      return all.every(({ settledAt }) => settledAt !== null) && all
    },
    { timeoutMs, what: 'the end of the workflow' },
  )
  const states: Record<string, string[]> = {}
  for (const { task, state, upstream } of nodes.filter(({ task }) => task.startsWith('demo.'))) {
    const name = task.slice('demo.'.length)
    states[name] = [...(states[name] ?? []), upstream === null ? state : `${state}, never run`]
  }
  return states
}

/** The same state so many times. */
export const times = (count: number, state: string): readonly string[] =>
  Array.from({ length: count }, () => state)

/** Names of the letters that were sent. */
export const lettersIn = async (cloud: string): Promise<readonly string[]> =>
  (await readdir(join(cloud, 'outbox')).catch(() => [])).toSorted()

/** No job is left, of whichever workflow. */
export async function expectNothingOpen(database: TestDatabase): Promise<void> {
  expect(await database.query('select id, task from celeriac.jobs')).toEqual([])
}
