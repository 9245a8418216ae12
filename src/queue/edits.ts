import { setTimeout as sleep } from 'node:timers/promises'
import { CeleriacError } from '../base/errors.ts'
import { assertJobId } from '../base/ids.ts'
import { assertQueueName } from '../base/names.ts'
import { integer, labels, refuseUnknown, text } from '../base/options.ts'
import {
  countMatching,
  type EditOutcome,
  type EditRow,
  findMatching,
  type MatchFilter,
} from '../db/calls/edit-jobs.ts'
import type { Database } from '../db/database.ts'
import { likeOf } from './pattern.ts'

/** Which jobs to edit: those that nobody runs and that fit all of it. */
export interface EditFilter {
  /** Only those of this queue. */
  readonly queue?: string
  /** Only those of this task; `*` and `?` stand for any characters and one. */
  readonly task?: string
  /** Only those with these labels. */
  readonly labels?: Readonly<Record<string, string>>
  /** Only those of this priority. */
  readonly priority?: number
}

/** What an edit did to one job. `was` and `now` hold what it changed. */
export interface JobEdit {
  readonly jobId: string
  readonly outcome: EditOutcome
  readonly was: EditedJob
  readonly now: EditedJob
}

/** The part of a job that an edit changed. */
export interface EditedJob {
  readonly queue?: string
  readonly priority?: number
  readonly runAt?: Date | null
}

/** What an edit of many jobs came to. */
export interface EditReport {
  /** How many jobs were changed; with `dryRun`, how many would be. */
  readonly changed: number
  /** How many ended how; nothing was done to those that are not `changed` or `cancelled`. */
  readonly outcomes: Readonly<Partial<Record<EditOutcome, number>>>
  /** The jobs themselves, up to the first 1,000. */
  readonly jobs: readonly JobEdit[]
}

/** How an edit goes through many jobs. */
export interface EditRun {
  readonly database: Database
  readonly work: (ids: readonly string[], filter: MatchFilter | null) => Promise<readonly EditRow[]>
  readonly page: number
  /** Jobs to change at most. */
  readonly limit?: number
}

/** Jobs that a report names. */
const MOST_NAMED = 1_000
/** How long to wait before each further try for jobs that somebody holds; a claim or a settling lasts a few ms. */
const BUSY_WAITS_MS = [10, 30, 100, 300] as const
/** Jobs that are tried again; whoever holds more than these holds a queue. */
const MOST_BUSY = 10_000

const FILTER_KEYS = ['queue', 'task', 'labels', 'priority']

/** @throws {CeleriacError} `OPTION_…`, `QUEUE_NAME_INVALID`; also for a filter that leaves nothing out */
export function filterOf(filter: EditFilter): MatchFilter {
  refuseUnknown(filter, FILTER_KEYS, 'filter')
  const { queue, task, labels: wanted, priority } = filter
  if (queue === undefined && task === undefined && wanted === undefined && priority === undefined) {
    throw new CeleriacError('OPTION_INVALID', {
      option: 'filter',
      problem: 'would mean every job; give queue, task, labels or priority',
    })
  }
  return {
    ...(queue !== undefined && { queue: assertQueueName(queue) }),
    ...(task !== undefined && { task: likeOf(text(task, 'task', 400)) }),
    ...(wanted !== undefined && { labels: labels(wanted) }),
    ...(priority !== undefined && { priority: integer(priority, 'priority', -32_768, 32_767) }),
  }
}

/** Reads which jobs are meant: ids, each once and in order, or a filter. @throws {CeleriacError} as {@link filterOf}, `JOB_ID_INVALID` */
export function readTarget(
  target: string | readonly string[] | EditFilter,
): { readonly ids: readonly string[] } | { readonly filter: MatchFilter } {
  if (typeof target === 'string') return { ids: [assertJobId(target)] }
  if (isList(target)) return { ids: [...new Set(target.map(assertJobId))].toSorted() }
  return { filter: filterOf(target) }
}

const isList = (target: readonly string[] | EditFilter): target is readonly string[] => Array.isArray(target)

/** Edits the jobs with these ids. */
export async function editIds(run: EditRun, ids: readonly string[]): Promise<EditReport> {
  const tally = new Tally()
  for (let from = 0; from < ids.length; from += run.page)
    tally.add(await run.work(ids.slice(from, from + run.page), null))
  await tryAgain(run, null, tally)
  return tally.report()
}

/**
 * Edits all jobs that fit, a page at a time in the order of their ids, each page in a transaction of its own: what is
 * done stays when it is cut short. Jobs that come meanwhile may be among them.
 */
export async function editMatching(run: EditRun, filter: MatchFilter): Promise<EditReport> {
  const tally = new Tally()
  const { database, page, limit = Number.POSITIVE_INFINITY } = run
  for (let after: string | null = null; tally.changed < limit; ) {
    const ids = await findMatching(database, filter, after, Math.min(page, limit - tally.changed))
    const last = ids.at(-1)
    if (last === undefined) break
    after = last
    tally.add(await run.work(ids, filter))
  }
  if (limit === Number.POSITIVE_INFINITY) await tryAgain(run, filter, tally)
  return tally.report()
}

/** What an edit would change. */
export async function rehearse(database: Database, filter: MatchFilter, limit?: number): Promise<EditReport> {
  const changed = Math.min(await countMatching(database, filter), limit ?? Number.POSITIVE_INFINITY)
  return { changed, outcomes: { changed }, jobs: [] }
}

async function tryAgain({ work, page }: EditRun, filter: MatchFilter | null, tally: Tally): Promise<void> {
  for (const waitMs of BUSY_WAITS_MS) {
    const busy = tally.takeBusy()
    if (busy.length === 0) return
    await sleep(waitMs)
    for (let from = 0; from < busy.length; from += page)
      tally.add(await work(busy.slice(from, from + page), filter))
  }
}

/** What has come of an edit so far. */
class Tally {
  readonly #outcomes = new Map<EditOutcome, number>()
  readonly #jobs = new Map<string, JobEdit>()
  #busy: string[] = []

  get changed(): number {
    return (this.#outcomes.get('changed') ?? 0) + (this.#outcomes.get('cancelled') ?? 0)
  }

  add(rows: readonly EditRow[]): void {
    for (const row of rows) {
      this.#outcomes.set(row.outcome, (this.#outcomes.get(row.outcome) ?? 0) + 1)
      if (row.outcome === 'busy' && this.#busy.length < MOST_BUSY) this.#busy.push(row.id)
      if (this.#jobs.size < MOST_NAMED || this.#jobs.has(row.id)) this.#jobs.set(row.id, editOf(row))
    }
  }

  /** Those that somebody held; they are counted anew. */
  takeBusy(): readonly string[] {
    const busy = this.#busy
    this.#busy = []
    const left = (this.#outcomes.get('busy') ?? 0) - busy.length
    if (left > 0) this.#outcomes.set('busy', left)
    else this.#outcomes.delete('busy')
    return busy
  }

  report(): EditReport {
    return {
      changed: this.changed,
      outcomes: Object.fromEntries(this.#outcomes),
      jobs: [...this.#jobs.values()],
    }
  }
}

function editOf({ id, outcome, was, now }: EditRow): JobEdit {
  return { jobId: id, outcome, was: partOf(was), now: partOf(now) }
}

function partOf(part: EditRow['was']): EditedJob {
  if (part === null) return {}
  const { runAt, ...rest } = part
  return runAt === undefined ? rest : { ...rest, runAt: runAt === null ? null : new Date(runAt) }
}
