import { formatMs } from '../../base/duration.ts'
import type { Database } from '../../db/database.ts'
import { type DueJobs, readPauses, readWork, readWorkers, type Work } from '../../inspect/health/work.ts'
import { checked, type Finding, fine, tried, type Verdict, wrong } from './finding.ts'
import type { Limits } from './limits.ts'

/** Names of one kind in one message. */
const MOST = 5

/** Looks at workers and at the jobs at the head of every queue. */
export async function* checkWork(database: Database, limits: Limits): AsyncGenerator<Finding> {
  yield* checked('workers', async () => {
    const { alive, dead } = await readWorkers(database)
    if (dead.length === 0) return fine(`${alive} alive`)
    const names = dead.map(({ name, seenAt }) => `${name} (last seen ${seenAt.toISOString()})`)
    const shown = `${names.slice(0, MOST).join(', ')}${dead.length > MOST ? ', …' : ''}`
    const fix = 'start a worker: it takes over the jobs of the dead'
    return wrong(`${dead.length} of ${alive + dead.length} dead: ${shown}`, fix)
  })
  yield* checked('pauses', async () => {
    const pauses = await readPauses(database)
    if (pauses.length === 0) return fine('nothing is paused')
    return fine(
      listed(pauses.map(({ what, sinceMs }) => `${what} is paused, for ${formatMs(sinceMs)} so far`)),
    )
  })
  const work = await tried(() => readWork(database))
  if ('status' in work) {
    yield { check: 'jobs served', ...work }
    return
  }
  const { due, orphaned } = work.value
  yield { check: 'jobs served', ...servedVerdict(due) }
  yield { check: 'jobs claimed', ...claimedVerdict(due, limits) }
  yield { check: 'jobs running', ...runningVerdict(orphaned) }
}

function servedVerdict(due: readonly DueJobs[]): Verdict {
  const queues = new Map<string, number>()
  for (const { queue, jobs, workers } of due)
    if (workers === 0) queues.set(queue, (queues.get(queue) ?? 0) + jobs)
  const tasks = due.filter(({ workers, able }) => workers > 0 && able === 0)
  if (queues.size + tasks.length === 0) return fine('every due job has a worker that knows its task')
  const parts = [
    ...[...queues].map(([queue, jobs]) => `queue ${queue}: ${counted(jobs)} due, no worker`),
    ...tasks.map(
      ({ queue, task, jobs }) =>
        `task ${task}: ${counted(jobs)} due, no worker of queue ${queue} has registered it`,
    ),
  ]
  return wrong(listed(parts), 'start a worker with --queues and --app that serve them')
}

function claimedVerdict(due: readonly DueJobs[], { unclaimedMs }: Limits): Verdict {
  const left = due.filter(({ free, oldestMs }) => free !== null && oldestMs >= unclaimedMs)
  if (left.length === 0) return fine('no due job is left while a slot is free')
  const parts = left.map(
    ({ queue, task, jobs, oldestMs, free }) =>
      `task ${task} in queue ${queue}: ${counted(jobs)} due, for ${formatMs(oldestMs)}, while ${free} has free slots`,
  )
  return wrong(listed(parts), `read the log of ${left[0]?.free}, and start it anew`)
}

function runningVerdict(orphaned: Work['orphaned']): Verdict {
  if (orphaned.length === 0) return fine('each by a worker that is known')
  const parts = orphaned.map(
    ({ queue, jobs, jobId }) => `queue ${queue}: ${counted(jobs)} by workers nobody knows, such as ${jobId}`,
  )
  return wrong(listed(parts), 'start a worker: it takes over the jobs of the dead')
}

function listed(parts: readonly string[]): string {
  const more = parts.length > MOST ? `; and ${parts.length - MOST} more` : ''
  return `${parts.slice(0, MOST).join('; ')}${more}`
}

/** No more than so many are looked at in each line. */
function counted(jobs: number): string {
  return jobs >= 1_000 ? `${jobs.toLocaleString('en')} or more` : String(jobs)
}
