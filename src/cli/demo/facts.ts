import type { Celeriac } from '../../celeriac.ts'
import type { JobListRow } from '../../db/tables.ts'

/** What the database says about a run. */
export interface Facts {
  readonly jobs: number
  readonly attempts: number
  readonly retries: number
  readonly failed: number
  /** Why attempts were retried, the most frequent reasons first, at most three. */
  readonly reasons: readonly { readonly text: string; readonly times: number }[]
  /** From due until claimed, in ms at the median, by task, those of the highest priority first. */
  readonly waits: readonly { readonly task: string; readonly priority: number; readonly p50Ms: number }[]
  /** Jobs settled by each worker, most first. */
  readonly workers: readonly { readonly name: string; readonly jobs: number }[]
  /** From the first job enqueued until the last one settled. */
  readonly tookMs: number
  /** A job worth looking at: the one with the most attempts. */
  readonly example: { readonly id: string; readonly task: string; readonly attempts: number } | null
}

const PAGE = 1_000

/** Reads what became of the given jobs and their children from the views. */
export async function readFacts(app: Celeriac, rootIds: readonly string[]): Promise<Facts> {
  const [jobs, workers] = await Promise.all([readFamily(app, rootIds), app.inspect.workers()])
  const again = await readAgain(app, jobs)
  const ran = jobs.filter((job) => job.claimed_at !== null)
  const names = new Map(workers.map((worker) => [worker.id, worker.name]))
  const reasons = ranked(again.flatMap(({ reasons: each }) => each))
  const retries = again.reduce((sum, { reasons: each }) => sum + each.length, 0)
  const example = again[0]?.job ?? jobs.find((job) => job.state === 'failed') ?? jobs[0]
  return {
    jobs: jobs.length,
    attempts: ran.length + retries,
    retries,
    failed: jobs.filter((job) => job.state === 'failed').length,
    reasons: reasons.slice(0, 3).map(([text, times]) => ({ text, times })),
    waits: waitsOf(ran),
    workers: ranked(ran.map((job) => names.get(job.worker_id ?? '') ?? 'a worker that is gone')).map(
      ([name, count]) => ({ name, jobs: count }),
    ),
    tookMs: spanOf(jobs),
    example:
      example === undefined
        ? null
        : { id: example.id, task: example.task, attempts: 1 + (again[0]?.reasons.length ?? 0) },
  }
}

interface Again {
  readonly job: JobListRow
  /** Why each attempt but the last did not do. */
  readonly reasons: readonly string[]
}

/**
 * Jobs that were attempted again, most often first. Their history tells, not the number of the last attempt: that also
 * counts claims which were handed back before they began.
 */
async function readAgain(app: Celeriac, jobs: readonly JobListRow[]): Promise<readonly Again[]> {
  const again = await Promise.all(
    jobs
      .filter((job) => job.attempt > 1)
      .map(async (job): Promise<Again> => {
        const attempts = await app.inspect.attempts(job.id)
        const unfinished = attempts.filter(({ outcome }) => outcome === 'retry' || outcome === 'lost')
        return { job, reasons: unfinished.map((attempt) => attempt.error_message ?? attempt.outcome) }
      }),
  )
  return again.filter(({ reasons }) => reasons.length > 0).sort((a, b) => b.reasons.length - a.reasons.length)
}

/**
 * Ids grow with time, so that everything of a run comes before its first job, in pages from the newest on. What only
 * joins jobs is none of the demo's tasks.
 */
async function readFamily(app: Celeriac, rootIds: readonly string[]): Promise<readonly JobListRow[]> {
  const roots = new Set(rootIds)
  const first = rootIds.toSorted()[0] ?? ''
  const family: JobListRow[] = []
  let before: string | undefined
  for (;;) {
    const page = await app.inspect.jobs({ limit: PAGE, ...(before !== undefined && { before }) })
    family.push(...page.filter((job) => roots.has(job.root_id ?? job.id) && job.task.startsWith('demo.')))
    before = page.at(-1)?.id
    if (page.length < PAGE || before === undefined || before < first) return family
  }
}

/** Of the last attempt of each job. */
function waitsOf(jobs: readonly JobListRow[]): Facts['waits'] {
  return [...Map.groupBy(jobs, ({ task }) => task)]
    .map(([task, own]) => {
      const waits = own.map(waitOf).sort((a, b) => a - b)
      return { task, priority: own[0]?.priority ?? 0, p50Ms: waits[Math.floor(waits.length / 2)] ?? 0 }
    })
    .sort((a, b) => b.priority - a.priority || a.task.localeCompare(b.task))
}

function waitOf({ run_at, enqueued_at, claimed_at }: JobListRow): number {
  const due = run_at ?? enqueued_at
  return Math.max(0, (claimed_at ?? due).getTime() - due.getTime())
}

function spanOf(jobs: readonly JobListRow[]): number {
  const begun = jobs.map((job) => job.enqueued_at.getTime())
  const ended = jobs.flatMap((job) => job.settled_at?.getTime() ?? [])
  if (begun.length === 0 || ended.length === 0) return 0
  const least = begun.reduce((low, one) => Math.min(low, one))
  return ended.reduce((high, one) => Math.max(high, one)) - least
}

function ranked(words: readonly string[]): readonly (readonly [word: string, times: number])[] {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort(([one, a], [other, b]) => b - a || one.localeCompare(other))
}
