import type { Database } from '../../db/database.ts'

/** Due jobs of one task in one queue; what is paused is left out. */
export interface DueJobs {
  readonly queue: string
  readonly task: string
  readonly jobs: number
  /** How long the oldest has been due. */
  readonly oldestMs: number
  /** Living workers of the queue. */
  readonly workers: number
  /** Of them: those that have registered the task. */
  readonly able: number
  /** Name of one that has, and has a free slot; null for none. */
  readonly free: string | null
}

/** Running jobs whose worker nobody knows. */
export interface OrphanedJobs {
  readonly queue: string
  readonly jobs: number
  /** One of them. */
  readonly jobId: string
}

/** What stands at the head of every line. */
export interface Work {
  readonly due: readonly DueJobs[]
  readonly orphaned: readonly OrphanedJobs[]
  /** Whether there is more than what was looked at: then counts are lower bounds. */
  readonly partial: boolean
}

/** Worker processes that somebody should look after. */
export interface WorkerCounts {
  readonly alive: number
  /** Declared dead, or without a heartbeat; their jobs are not yet taken over. */
  readonly dead: readonly { readonly name: string; readonly seenAt: Date }[]
}

/** Counts workers; reading a list with all that is known of each is what `Inspect` is for. */
export async function readWorkers(database: Database): Promise<WorkerCounts> {
  const rows = await database.query({
    text: `select worker.name, worker.condition, worker.heartbeat_at from "${database.schema}".worker_overview as worker
      order by worker.heartbeat_at`,
    values: [],
  })
  const dead = rows.filter((row) => row.condition === 'lost')
  return {
    alive: rows.length - dead.length,
    dead: dead.map((row) => ({ name: String(row.name), seenAt: row.heartbeat_at as Date })),
  }
}

/** What is paused, the longest first. */
export async function readPauses(
  database: Database,
): Promise<readonly { readonly what: string; readonly sinceMs: number }[]> {
  const { schema } = database
  const rows = await database.query({
    text: `select pause.kind || ' ' || pause.name as what,
        extract(epoch from "${schema}".clock() - pause.paused_at)::float8 * 1000 as since
      from "${schema}".pause_list as pause order by pause.paused_at, pause.kind, pause.name`,
    values: [],
  })
  return rows.map((row) => ({ what: String(row.what), sinceMs: Number(row.since) }))
}

/** How much is looked at, so that a long queue costs no more than a short one. */
const MOST = { perLine: 1_000, inAll: 20_000 } as const

/**
 * Reads the jobs at the head of every queue and priority, in the order of claims, over the index of claims: those that
 * run were claimed first and stand in front.
 */
export async function readWork(database: Database): Promise<Work> {
  const { schema } = database
  const [row] = await database.transaction(async (executor) => {
    // planner: steps along jobs_for_claim, also where statistics are old; never a walk over all jobs.
    await executor.query({
      text: 'set local enable_seqscan = off; set local enable_bitmapscan = off; set local statement_timeout = 5000',
      values: [],
    })
    return executor.query({ text: workQuery(schema), values: [MOST.perLine, MOST.inAll] })
  })
  const { due, orphaned, partial } = row?.work as Work
  return { due, orphaned, partial }
}

function workQuery(schema: string): string {
  return `with recursive line as (
      (select job.queue, job.priority from "${schema}".jobs as job where job.run_at is not null
        order by job.queue, job.priority desc limit 1)
      union all
      select next.queue, next.priority from line cross join lateral (
        (select 1 as step, job.queue, job.priority from "${schema}".jobs as job
          where job.run_at is not null and job.queue = line.queue and job.priority < line.priority
          order by job.priority desc limit 1)
        union all
        (select 2, job.queue, job.priority from "${schema}".jobs as job
          where job.run_at is not null and job.queue > line.queue
          order by job.queue, job.priority desc limit 1)
        order by step limit 1
      ) as next
    ), head as materialized (
      select line.queue, job.id, job.task, job.worker_id, job.run_at, job.place
      from line cross join lateral (
        select job.id, job.task, job.worker_id, job.run_at, row_number() over () as place from "${schema}".jobs as job
        where job.queue = line.queue and job.priority = line.priority and job.run_at <= "${schema}".clock()
        order by job.run_at, job.id limit $1
      ) as job
      limit $2
    ), living as materialized (
      select worker.name, worker.queues, worker.tasks, worker.running < worker.concurrency as free
      from "${schema}".worker_overview as worker where worker.condition not in ('lost', 'stopping')
    ), due as (
      select head.queue, head.task, count(*)::int as jobs,
        extract(epoch from "${schema}".clock() - min(head.run_at))::float8 * 1000 as oldest
      from head
      where head.worker_id is null and not exists (
        select from "${schema}".pause_list as pause
        where (pause.kind = 'queue' and pause.name = head.queue) or (pause.kind = 'task' and pause.name = head.task)
      )
      group by head.queue, head.task
    ), orphaned as (
      select head.queue, count(*)::int as jobs, min(head.id::text) as one
      from head where head.worker_id is not null
        and not exists (select from "${schema}".workers as worker where worker.id = head.worker_id)
      group by head.queue
    )
    select json_build_object(
      'due', coalesce((
        select json_agg(json_build_object('queue', due.queue, 'task', due.task, 'jobs', due.jobs, 'oldestMs', due.oldest,
          'workers', (select count(*) from living where due.queue = any (living.queues)),
          'able', (select count(*) from living where due.queue = any (living.queues) and due.task = any (living.tasks)),
          'free', (select min(living.name) from living
            where due.queue = any (living.queues) and due.task = any (living.tasks) and living.free)
        ) order by due.jobs desc, due.queue, due.task) from due), '[]'),
      'orphaned', coalesce((
        select json_agg(json_build_object('queue', orphaned.queue, 'jobs', orphaned.jobs, 'jobId', orphaned.one)
          order by orphaned.jobs desc, orphaned.queue) from orphaned), '[]'),
      'partial', (select coalesce(max(head.place) >= $1, false) or count(*) >= $2 from head)
    ) as work`
}
