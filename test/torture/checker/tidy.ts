import type { Check, Violation } from './evidence.ts'
import { meet, type Timeline } from './timeline.ts'

/** How long a job may stand in a way that only a rescue in progress explains. */
const ORPHANED_MS = 25_000
/** Due jobs in a time without trouble: after this long somebody has taken them. */
const QUIET_MS = 20_000

/** I10: nothing runs without a living worker, nothing due is left lying, and the indexes are whole. */
export const tidy: Check = ({ entries, dump, drained }, timeline, bounds) => {
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I10', kind, what })
  if (!drained)
    violate('undrained', `${dump.left.length} jobs were left when the time to work them off was over`)
  for (const row of dump.left) {
    if (row.workerId === null) violate('stuck', `${row.id} (${row.task}) is pending and nobody took it`)
    else if (timeline.processOf.has(row.workerId))
      violate(
        'stuck',
        `${row.id} (${row.task}) runs on ${timeline.processOf.get(row.workerId)}, so says its row`,
      )
    else violate('stuck', `${row.id} (${row.task}) runs on a worker that nobody knows`)
  }
  for (const problem of dump.corrupt) violate('corrupt', problem)

  let orphansSince: number | null = null
  let overdueSince: number | null = null
  for (const entry of entries) {
    if (entry.e !== 'sample') continue
    orphansSince = entry.orphans === 0 ? null : (orphansSince ?? entry.t)
    if (orphansSince !== null && entry.t - orphansSince > ORPHANED_MS + bounds.slackMs) {
      violate('orphaned', `${entry.orphans} jobs ran on workers without a row for ${ORPHANED_MS} ms`)
      orphansSince = null
    }
    const quiet = entry.overdue > 0 && isQuiet(timeline, entry.t - QUIET_MS, entry.t)
    overdueSince = quiet ? (overdueSince ?? entry.t) : null
    if (overdueSince !== null && entry.t - overdueSince > QUIET_MS + bounds.slackMs) {
      violate('unclaimed', `${entry.overdue} jobs were due and nobody took them for ${QUIET_MS} ms`)
      overdueSince = null
    }
  }
  return violations
}

function isQuiet({ outages, processes }: Timeline, from: number, to: number): boolean {
  const lives = [...processes.values()]
  const troubles = [
    ...outages,
    ...lives.flatMap((life) => [...life.frozen, ...life.partitioned]),
    ...lives.flatMap(({ diedAt }) => (Number.isFinite(diedAt) ? [{ from: diedAt, to: diedAt }] : [])),
  ]
  return !troubles.some((trouble) => meet(trouble, { from, to }))
}
