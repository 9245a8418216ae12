/*
 * inspect: reads of the views, for lists and pages. Everything here is SELECT; it is built with kysely because lists
 * are filtered and paged in many ways. Counting everything is left to those who ask for it.
 */
import type { CompiledQuery, Kysely } from 'kysely'
import { integer } from '../base/options.ts'
import type { JobState } from '../db/calls/read-jobs.ts'
import type { Database } from '../db/database.ts'
import type {
  AttemptListRow,
  JobListRow,
  LimitListRow,
  PauseListRow,
  QueueOverviewRow,
  ScheduleListRow,
  Views,
  WorkerOverviewRow,
} from '../db/tables.ts'

/** Which jobs to list. */
export interface JobFilter {
  /** Only those in this state. */
  readonly state?: JobState
  /** Only those of this queue. */
  readonly queue?: string
  /** Only those of the task with this name. */
  readonly task?: string
  /** Jobs enqueued from the handler of this one. */
  readonly parentId?: string
  /** Only those with an id below this one: the last id of the page before. */
  readonly before?: string
  /** From 1 to 1,000. @defaultValue 50 */
  readonly limit?: number
}

/** What can be read of a view, and how the rest is filled in. */
interface Columns<RowShape> {
  readonly readable: (keyof RowShape & string)[]
  readonly completed: (rows: RowShape[]) => RowShape[]
}

export class Inspect {
  readonly #database: Database
  #builder: Promise<Kysely<Views>> | undefined

  constructor(database: Database) {
    this.#database = database
  }

  /** Jobs, newest first, a page at a time. */
  async jobs(filter: JobFilter = {}): Promise<JobListRow[]> {
    const limit = integer(filter.limit ?? 50, 'limit', 1, 1_000)
    const columns = await this.#columns('job_list')
    const views = await this.#views()
    let query = views.selectFrom('job_list').select('id').orderBy('id', 'desc').limit(limit)
    if (filter.state !== undefined) query = query.where('state', '=', filter.state)
    if (filter.queue !== undefined) query = query.where('queue', '=', filter.queue)
    if (filter.task !== undefined) query = query.where('task', '=', filter.task)
    if (filter.parentId !== undefined) query = query.where('parent_id', '=', filter.parentId)
    if (filter.before !== undefined) query = query.where('id', '<', filter.before)
    // The page first: what it costs to tell the rest is paid for its rows alone.
    const { isAmong } = await import('./builder.ts')
    const page = views.selectFrom('job_list').select(columns.readable).where(isAmong('id', query))
    return columns.completed(await this.#rows(page.orderBy('id', 'desc').compile()))
  }

  /** Attempts of a job that did not succeed, in order. */
  async attempts(jobId: string): Promise<AttemptListRow[]> {
    const views = await this.#views()
    const columns = await this.#columns('attempt_list')
    return columns.completed(
      await this.#rows(
        views
          .selectFrom('attempt_list')
          .select(columns.readable)
          .where('job_id', '=', jobId)
          .orderBy('token')
          .compile(),
      ),
    )
  }

  /** Queues with counts of what is not settled. */
  async queues(): Promise<QueueOverviewRow[]> {
    const views = await this.#views()
    const columns = await this.#columns('queue_overview')
    const query = views.selectFrom('queue_overview').select(columns.readable).orderBy('name')
    return columns.completed(await this.#rows(query.compile()))
  }

  /** What is paused now: queues, tasks and labels. */
  async pauses(): Promise<PauseListRow[]> {
    const views = await this.#views()
    const columns = await this.#columns('pause_list')
    const query = views.selectFrom('pause_list').select(columns.readable).orderBy('kind').orderBy('name')
    return columns.completed(await this.#rows(query.compile()))
  }

  /**
   * Limits, each followed by its keys that were ever used.
   *
   * @param key - only this one; null: only what counts for all keys
   */
  async limits(names: readonly string[] | null = null, key?: string | null): Promise<LimitListRow[]> {
    const columns = await this.#columns('limit_list')
    let query = (await this.#views()).selectFrom('limit_list').select(columns.readable)
    if (names !== null) query = query.where('name', 'in', names)
    if (key !== undefined) query = query.where('key', 'is not distinct from', key)
    const rows = await this.#rows<LimitListRow>(
      query
        .orderBy('name')
        .orderBy('key', (order) => order.asc().nullsFirst())
        .compile(),
    )
    return columns.completed(rows)
  }

  /** Workers that are alive. */
  async workers(): Promise<WorkerOverviewRow[]> {
    const views = await this.#views()
    return this.#rows(views.selectFrom('worker_overview').selectAll().orderBy('name').compile())
  }

  /** Schedules, by name. */
  async schedules(): Promise<ScheduleListRow[]> {
    const views = await this.#views()
    const columns = await this.#columns('schedule_list')
    return columns.completed(
      await this.#rows(views.selectFrom('schedule_list').select(columns.readable).orderBy('name').compile()),
    )
  }

  /** How many results there are of each state, in the partitions that are kept. */
  async settledCounts(): Promise<Readonly<Record<string, number>>> {
    const views = await this.#views()
    const rows = await this.#rows<{ state: JobState; count: string }>(
      views
        .selectFrom('job_list')
        .select((counted) => ['state', counted.fn.countAll<string>().as('count')])
        .where('settled_at', 'is not', null)
        .groupBy('state')
        .compile(),
    )
    return Object.fromEntries(rows.map((row) => [row.state, Number(row.count)]))
  }

  /** The columns of a view that the session may read: a viewer may not read what jobs carry, and gets null for it. */
  async #columns<View extends keyof Views>(view: View): Promise<Columns<Views[View]>> {
    const rows = await this.#rows<{ name: keyof Views[View] & string; readable: boolean }>({
      sql: `select attribute.attname as name, has_column_privilege(attribute.attrelid, attribute.attnum, 'select') as readable
        from pg_attribute as attribute
        where attribute.attrelid = format('%I.%I', $1::text, $2::text)::regclass and attribute.attnum > 0`,
      parameters: [this.#database.schema, view],
    })
    const readable = rows.filter((row) => row.readable)
    const hidden = Object.fromEntries(rows.filter((row) => !row.readable).map(({ name }) => [name, null]))
    return {
      // Who may read none of them is told so by asking for all.
      readable: (readable.length > 0 ? readable : rows).map(({ name }) => name),
      completed: (found) => found.map((row) => ({ ...hidden, ...row })),
    }
  }

  /** Loaded when somebody lists: producers and workers never do, and it is the largest module of all. */
  #views(): Promise<Kysely<Views>> {
    this.#builder ??= import('./builder.ts').then(({ buildViews }) => buildViews(this.#database.schema))
    return this.#builder
  }

  async #rows<RowShape>(query: Pick<CompiledQuery, 'sql' | 'parameters'>): Promise<RowShape[]> {
    return (await this.#database.query({ text: query.sql, values: query.parameters })) as RowShape[]
  }
}
