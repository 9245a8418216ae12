import type { Check, Violation } from './evidence.ts'

/** Closing files is all that is left to do for a program that is done. */
const LEAVE_MS = 1_000

/** I8: what stops in order leaves nothing behind, ends by itself, and says so with its exit code. */
export const noLeaks: Check = ({ entries, leftovers }, timeline, bounds) => {
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I8', kind, what })
  for (const name of leftovers.connections) violate('connection leaked', name)
  if (leftovers.advisoryLocks > 0)
    violate('lock leaked', `${leftovers.advisoryLocks} advisory locks are held`)
  if (leftovers.prepared > 0) violate('transaction leaked', `${leftovers.prepared} transactions are prepared`)
  for (const name of leftovers.undead) violate('process leaked', `${name} did not end`)

  for (const entry of entries) {
    if (entry.e !== 'exit') continue
    const life = timeline.processes.get(entry.c)
    if (life?.terminatedAt == null || life.died === 'killed') continue
    // Before it began to listen for signals, one ends it; a job may have ended it, too.
    const saidAt = timeline.downs.get(entry.c)
    if (saidAt === undefined) continue
    if (entry.t - saidAt > LEAVE_MS + bounds.slackMs) {
      violate(
        'process leaked',
        `${entry.c} was done, and ended only ${Math.round(entry.t - saidAt)} ms later`,
      )
      continue
    }
    if (entry.code !== 0)
      violate('exit code', `${entry.c} ended with ${entry.code ?? entry.signal} after a clean stop`)
    const tookMs = entry.t - life.terminatedAt
    const disturbed = [...timeline.outages, ...life.frozen, ...life.partitioned].some(
      ({ from, to }) => from <= entry.t && to >= (life.terminatedAt ?? 0),
    )
    if (!disturbed && tookMs > bounds.stopMs + bounds.slackMs) {
      violate('slow stop', `${entry.c} took ${Math.round(tookMs)} ms from SIGTERM to its end`)
    }
  }
  return violations
}
