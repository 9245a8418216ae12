import type { Bus } from '../event/bus.ts'
import type { JobFacts } from '../event/events.ts'
import type { Attempt } from './attempt.ts'
import type { Outcome } from './outcome.ts'

/** What every event about a job says of it. */
export function factsOf(attempt: Attempt): JobFacts {
  return { jobId: attempt.id, task: attempt.task, queue: attempt.queue, attempt: attempt.attempt }
}

export function announceClaim(bus: Bus, attempt: Attempt): void {
  if (bus.wanted('job:claimed')) bus.emit('job:claimed', { ...factsOf(attempt), waitMs: attempt.waitMs })
}

/**
 * Announces an outcome that is settled now.
 *
 * @returns in how many ms the job may run again; null when it is settled for good
 */
export function announceOutcome(bus: Bus, attempt: Attempt, outcome: Outcome): number | null {
  const { completion } = attempt
  if (outcome.kind === 'settled' || completion?.sealed !== true) return announce(bus, attempt, outcome)
  // Its handler ended before its transaction did. That has ended by now, since it held the row, and was first if it was
  // committed.
  void completion.verdict().then(({ settled }) => announce(bus, attempt, settled ?? outcome))
  return announce(NOBODY, attempt, outcome)
}

const NOBODY: Pick<Bus, 'wanted' | 'emit'> = { wanted: () => false, emit: () => undefined }

function announce(bus: Pick<Bus, 'wanted' | 'emit'>, attempt: Attempt, outcome: Outcome): number | null {
  switch (outcome.kind) {
    case 'succeeded':
    case 'settled':
      if (bus.wanted('job:succeeded'))
        bus.emit('job:succeeded', { ...factsOf(attempt), durationMs: duration(attempt) })
      return null
    case 'replaced':
      bus.emit('job:replaced', { ...factsOf(attempt), durationMs: duration(attempt) })
      return null
    case 'errored': {
      const { thrown, expected, delayMs } = outcome
      const event = { ...factsOf(attempt), durationMs: duration(attempt), error: thrown, expected }
      // The same rule as in settle_jobs, which decides: this only chooses the word.
      if (delayMs === null || attempt.charged >= attempt.maxAttempts) {
        bus.emit('job:failed', event)
        return null
      }
      bus.emit('job:retried', { ...event, delayMs })
      return delayMs
    }
    case 'discarded':
      bus.emit('job:failed', {
        ...factsOf(attempt),
        durationMs: duration(attempt),
        error: outcome.thrown,
        expected: true,
      })
      return null
    case 'snoozed':
      bus.emit('job:snoozed', { ...factsOf(attempt), delayMs: outcome.delayMs })
      return outcome.delayMs
    case 'limited':
      bus.emit('job:limited', {
        ...factsOf(attempt),
        delayMs: outcome.delayMs,
        limits: outcome.hold.map(([name, key]) => (key === '' ? name : `${name} ${key}`)),
        reason: outcome.reason,
      })
      return outcome.delayMs
    case 'cancelled':
      bus.emit('job:cancelled', { ...factsOf(attempt), reason: outcome.reason })
      return null
    case 'held':
      return null
    case 'released':
      bus.emit('job:released', { ...factsOf(attempt), begun: attempt.startedAt > 0 })
      return 0
  }
}

function duration(attempt: Attempt): number {
  return attempt.startedAt === 0 ? 0 : performance.now() - attempt.startedAt
}
