import { CeleriacError, type JobCancelledError, type JobFailedError } from '../base/errors.ts'
import { type CancelOutcome, cancelJobs, forgetJobs, type RetryOutcome, retryJobs } from '../db/calls/job.ts'
import { type KillOutcome, killJobs } from '../db/calls/kill-jobs.ts'
import type { JobState } from '../db/calls/read-jobs.ts'
import { type GroupRow, readGroup } from '../db/calls/read-workflow.ts'
import { type HandleContext, JobHandle, type Settled, type WaitOptions } from '../job/handle.ts'
import type { Workflow } from '../job/workflow.ts'
import { type Ended, inOrderOfEnd } from './completion.ts'
import { Deadline } from './deadline.ts'

/** The end of every member as a value, in the shape of the group. */
export type SettledMembers<Results> = { [Place in keyof Results]: Settled<Results[Place]> }

/** Handles of the members, in the shape of the group; a member that is a group has a handle of groups. */
export type MemberHandles<Results> = { [Place in keyof Results]: MemberHandle<Results[Place]> }

/** A grip on one member of a group. */
export type MemberHandle<Result = unknown> = JobHandle<Result> | GroupHandle<Result>

/** A member and its value: by its index in a list, by its name in an object. */
export type Completion<Results> = Results extends readonly unknown[]
  ? readonly [index: number, value: Results[number]]
  : readonly [name: Extract<keyof Results, string>, value: Results[keyof Results]]

/** A member and its end, likewise. */
export type SettledCompletion<Results> = Results extends readonly unknown[]
  ? readonly [index: number, end: Settled<Results[number]>]
  : readonly [name: Extract<keyof Results, string>, end: Settled<Results[keyof Results]>]

/** How to wait for every member's end as a value: one that failed throws nothing then. */
export interface SettledOptions extends WaitOptions {
  readonly settled: true
}

/** The same, where values may be meant as well. */
interface ResultsOptions extends WaitOptions {
  readonly settled?: boolean
}

/** One member as the group lists it. */
interface Member {
  readonly place: number | string
  readonly handle: MemberHandle
}

/**
 * The caller's grip on a started group. It holds nothing but the id, so it can be made again from it in any process:
 * `app.group(id)`. Values come in definition order at every level, whoever finished first. It is never thenable.
 */
export class GroupHandle<Results = readonly unknown[]> {
  readonly id: string
  /** The canvas the group belongs to. */
  readonly workflow: Workflow
  readonly #context: HandleContext

  /** @param workflowId - left out: found by the id of the group, once it is asked for something */
  constructor(id: string, context: HandleContext, workflowId: string = id) {
    this.id = id
    this.workflow = context.workflow(workflowId)
    this.#context = context
  }

  /**
   * Waits for the members and returns their values: a list, or an object for a group with names.
   *
   * @throws {JobFailedError} of the first member, in definition order, that failed; those behind it go on
   * @throws {JobCancelledError} likewise
   * @throws {ResultTimeoutError} after `timeout`; the members go on
   * @throws {CeleriacError} `JOB_UNKNOWN` when nobody knows the id; else as `JobHandle.result`
   */
  async result(options: WaitOptions = {}): Promise<Results> {
    const end = await this.settled(options)
    if (end.ok) return end.value
    throw end.error
  }

  /** The same as `result`; given `settled: true`, every member's end as a value. */
  results(options: SettledOptions): Promise<SettledMembers<Results>>
  results(options?: WaitOptions & { readonly settled?: false }): Promise<Results>
  results(options: ResultsOptions = {}): Promise<Results | SettledMembers<Results>> {
    return options.settled === true ? this.#within(options, (left) => this.#ends(left)) : this.result(options)
  }

  /** Waits for the members and returns their values, or the error that `result` would throw, as a value. */
  settled(options: WaitOptions = {}): Promise<Settled<Results>> {
    return this.#within(options, async (left) => {
      const end = await new JobHandle<Results>(this.id, this.#context).settled(left())
      if (end.ok) return end
      return { ok: false, error: (await this.#firstFailure(left)) ?? end.error }
    })
  }

  /**
   * Members with their values, in the order in which they end. One that failed throws when its turn comes, unless ends are
   * asked for. Members that are added meanwhile come as well.
   */
  stream(options: SettledOptions): AsyncIterable<SettledCompletion<Results>>
  stream(options?: WaitOptions & { readonly settled?: false }): AsyncIterable<Completion<Results>>
  async *stream(
    options: ResultsOptions = {},
  ): AsyncGenerator<Completion<Results> & SettledCompletion<Results>> {
    const deadline = new Deadline(this.id, options)
    const known = new Set<string>()
    try {
      for (;;) {
        const members = (await this.#members()).filter(({ handle }) => !known.has(handle.id))
        if (members.length === 0) return
        for (const { handle } of members) known.add(handle.id)
        const waiting = {
          settled: ({ handle }: Member) => handle.settled(deadline.left()),
          sorted: (found: readonly Ended<Member>[]) => this.#sorted(found),
        }
        for await (const { member, end } of inOrderOfEnd(members, waiting)) {
          if (!end.ok && options.settled !== true) throw end.error
          const completion = [member.place, options.settled === true ? end : end.ok && end.value]
          yield completion as unknown as Completion<Results> & SettledCompletion<Results>
        }
      }
    } catch (error) {
      throw deadline.explain(error)
    } finally {
      deadline.close()
    }
  }

  /** How many members have succeeded so far. @throws {CeleriacError} `JOB_UNKNOWN` */
  async completedCount(): Promise<number> {
    const { members } = await this.#row()
    return members.filter(({ joinId, state }) => joinId === this.id && state === 'succeeded').length
  }

  /**
   * `waiting` until its members have ended; `failed` as soon as one of them has failed or was cancelled.
   *
   * @throws {CeleriacError} `JOB_UNKNOWN`
   */
  async state(): Promise<JobState> {
    return (await this.#row()).state
  }

  /** Handles of the members, in the group's own shape and order. @throws {CeleriacError} `JOB_UNKNOWN` */
  async members(): Promise<MemberHandles<Results>> {
    const row = await this.#row()
    const entries = this.#membersOf(row).map(({ place, handle }) => [place, handle] as const)
    return shaped(row, entries) as MemberHandles<Results>
  }

  /** Cancels every member, those of groups inside as well. @returns what became of each job, in definition order */
  async cancel(options: { readonly reason?: string } = {}): Promise<readonly CancelOutcome[]> {
    const ids = await this.#jobIds()
    const done = await cancelJobs(this.#context.database, ids, options.reason ?? null)
    this.#context.results.settledHere([...ids, this.id])
    return inOrder(ids, done)
  }

  /** Ends every member at once, as `JobHandle.kill` does. @returns what became of each job, in definition order */
  async kill(options: { readonly reason?: string } = {}): Promise<readonly KillOutcome[]> {
    const ids = await this.#jobIds()
    const done = await killJobs(this.#context.database, ids, options.reason ?? null)
    this.#context.results.settledHere([...ids, this.id])
    return inOrder(ids, done)
  }

  /**
   * Runs every member again that failed or was cancelled, and what follows from it; those that succeeded keep their values.
   *
   * @returns what became of each of those jobs, in definition order
   * @throws {CeleriacError} `WORKFLOW_BUSY` when something that follows is under way; nothing has changed then
   */
  async retry(): Promise<readonly RetryOutcome[]> {
    const ids = await this.#jobIds((state) => state === 'failed' || state === 'cancelled')
    return ids.length === 0 ? [] : inOrder(ids, await retryJobs(this.#context.database, ids))
  }

  /** Removes what is kept of the members; those that are not settled yet leave nothing when they are. */
  async forget(): Promise<void> {
    const { members } = await this.#row()
    await forgetJobs(this.#context.database, [...members.map(({ id }) => id), this.id])
  }

  /** A handle written as JSON is its id. */
  toJSON(): string {
    return this.id
  }

  async #within<Value>(
    options: WaitOptions,
    work: (left: () => WaitOptions) => Promise<Value>,
  ): Promise<Value> {
    const deadline = new Deadline(this.id, options)
    try {
      return await work(() => deadline.left())
    } catch (error) {
      throw deadline.explain(error)
    } finally {
      deadline.close()
    }
  }

  async #row(): Promise<GroupRow> {
    const row = await readGroup(this.#context.database, this.id)
    if (row === null) throw new CeleriacError('JOB_UNKNOWN', { jobId: this.id })
    return row
  }

  async #members(): Promise<readonly Member[]> {
    return this.#membersOf(await this.#row())
  }

  #membersOf(row: GroupRow): readonly Member[] {
    const mine = row.members.filter(({ joinId }) => joinId === this.id)
    return mine.map(({ id, name, join }, index) => ({
      place: name ?? index,
      handle:
        join === 'list' || join === 'object'
          ? new GroupHandle(id, this.#context, row.workflowId)
          : new JobHandle(id, this.#context),
    }))
  }

  async #ends(left: () => WaitOptions): Promise<SettledMembers<Results>> {
    const row = await this.#row()
    const ends = this.#membersOf(row).map(
      async ({ place, handle }) => [place, await handle.settled(left())] as const,
    )
    return shaped(row, await Promise.all(ends)) as SettledMembers<Results>
  }

  /** Which one that is must not depend on who was faster: those before it are waited for. */
  async #firstFailure(left: () => WaitOptions): Promise<JobFailedError | JobCancelledError | null> {
    for (const { handle } of await this.#members()) {
      const end = await handle.settled(left())
      if (!end.ok) return end.error
    }
    return null
  }

  async #sorted(found: readonly Ended<Member>[]): Promise<readonly Ended<Member>[]> {
    const { members } = await this.#row()
    const order = new Map(members.map(({ id, endOrder }) => [id, endOrder ?? 0]))
    const orderOf = ({ member }: Ended<Member>): number => order.get(member.handle.id) ?? 0
    return found.toSorted((one, other) => orderOf(one) - orderOf(other))
  }

  /** Jobs, not groups, of all levels, in definition order. */
  async #jobIds(wanted: (state: JobState | null) => boolean = () => true): Promise<readonly string[]> {
    const { members } = await this.#row()
    const inside = Map.groupBy(members, ({ joinId }) => joinId)
    const jobsOf = (joinId: string): string[] =>
      (inside.get(joinId) ?? []).flatMap(({ id, join, state }) =>
        join === null ? (wanted(state) ? [id] : []) : jobsOf(id),
      )
    return jobsOf(this.id)
  }
}

/** Members as the group has them: a list, or an object by their names. */
function shaped(row: GroupRow, entries: readonly (readonly [number | string, unknown])[]): unknown {
  return row.join === 'object' ? Object.fromEntries(entries) : entries.map(([, value]) => value)
}

function inOrder<Outcome>(
  ids: readonly string[],
  done: readonly { readonly jobId: string; readonly outcome: Outcome }[],
): readonly Outcome[] {
  const outcomes = new Map(done.map(({ jobId, outcome }) => [jobId, outcome]))
  return ids.flatMap((id) => outcomes.get(id) ?? [])
}
