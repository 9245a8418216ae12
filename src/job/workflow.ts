import { CeleriacError } from '../base/errors.ts'
import {
  countWorkflow,
  readWorkflow,
  type WorkflowCounts,
  type WorkflowRow,
} from '../db/calls/read-workflow.ts'
import { cancelWorkflow, rerunJobs } from '../db/calls/workflow-verbs.ts'
import { type HandleContext, JobHandle } from './handle.ts'
import { WorkflowTree } from './workflow-tree.ts'

/** Jobs of a workflow by their states; the groups they are in are no jobs. */
export type WorkflowProgress = WorkflowCounts

/** What a cancel of a workflow came to. */
export interface WorkflowCancelled {
  /** Jobs that had not begun: they are settled. */
  readonly cancelled: number
  /** Jobs that run: their handlers are aborted through their signals. */
  readonly requested: number
}

/**
 * The caller's grip on a started canvas as a whole. It holds nothing but the id, so it can be made again from it, or from
 * the id of any of its jobs, in any process: `app.workflow(id)`. It is never thenable.
 */
export class Workflow {
  readonly id: string
  readonly #context: HandleContext

  constructor(id: string, context: HandleContext) {
    this.id = id
    this.#context = context
  }

  /** How far it is. @throws {CeleriacError} `WORKFLOW_UNKNOWN` */
  async progress(): Promise<WorkflowProgress> {
    return (await countWorkflow(this.#context.database, this.id)) ?? this.#unknown()
  }

  /**
   * Cancels whatever of it is not settled, error callbacks apart. What has not begun is settled at once; handlers that run
   * are aborted through their signals.
   *
   * @throws {CeleriacError} `WORKFLOW_UNKNOWN`
   */
  async cancel(options: { readonly reason?: string } = {}): Promise<WorkflowCancelled> {
    const { database, results } = this.#context
    const done = (await cancelWorkflow(database, this.id, options.reason ?? null)) ?? this.#unknown()
    const count = (wanted: string): number => done.filter(({ outcome }) => outcome === wanted).length
    results.settledHere(done.map(({ jobId }) => jobId))
    return { cancelled: count('cancelled'), requested: count('requested') }
  }

  /**
   * Runs again what failed or was cancelled, and with it what has therefore never begun. Values of jobs that succeeded are
   * taken as they are.
   *
   * @returns how many jobs go back to their queues
   * @throws {CeleriacError} `WORKFLOW_UNKNOWN`, `WORKFLOW_BUSY`
   */
  async retryFailed(): Promise<number> {
    const { nodes } = await this.#row()
    const ended = nodes.filter(
      ({ kind, state }) => kind === 'job' && (state === 'failed' || state === 'cancelled'),
    )
    return this.#rerun(ended.map(({ id }) => id))
  }

  /**
   * Runs a job again, whatever it came to, and everything that follows from it, with the values there are from before it.
   *
   * @param from - a job of this workflow, or a group: then all of its members run again
   * @returns how many jobs go back to their queues
   * @throws {CeleriacError} `WORKFLOW_BUSY` when something that follows is under way; nothing has changed then.
   * `JOB_UNKNOWN`
   */
  rerun(from: string | { readonly id: string }): Promise<number> {
    return this.#rerun([typeof from === 'string' ? from : from.id])
  }

  /** All of its jobs and groups now, as they are composed. @throws {CeleriacError} `WORKFLOW_UNKNOWN` */
  async tree(): Promise<WorkflowTree> {
    return new WorkflowTree(await this.#row())
  }

  /** Handles of its jobs, in definition order. @throws {CeleriacError} `WORKFLOW_UNKNOWN` */
  async jobs(): Promise<JobHandle[]> {
    const { nodes } = await this.#row()
    return nodes.filter(({ kind }) => kind !== 'group').map(({ id }) => new JobHandle(id, this.#context))
  }

  /** A workflow written as JSON is its id. */
  toJSON(): string {
    return this.id
  }

  async #rerun(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0
    const done = await rerunJobs(this.#context.database, ids)
    const unknown = done.find(({ outcome }) => outcome === 'unknown')
    if (unknown !== undefined) throw new CeleriacError('JOB_UNKNOWN', { jobId: unknown.jobId })
    return done.filter(({ outcome, isJob }) => outcome === 'retried' && isJob).length
  }

  async #row(): Promise<WorkflowRow> {
    return (await readWorkflow(this.#context.database, this.id)) ?? this.#unknown()
  }

  #unknown(): never {
    throw new CeleriacError('WORKFLOW_UNKNOWN', { workflowId: this.id })
  }
}
