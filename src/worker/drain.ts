import { CeleriacError } from '../base/errors.ts'
import { deregisterWorker } from '../db/calls/worker.ts'
import type { Database } from '../db/database.ts'
import type { Cycle } from './cycle.ts'
import type { Guarded } from './guard.ts'
import type { ProgressReports } from './progress-reports.ts'

/** What stopping works on. */
export interface Drain {
  readonly cycle: Cycle
  readonly guarded: Guarded | undefined
  readonly reports: ProgressReports
  readonly database: Database
  readonly workerId: () => string
  readonly timeoutMs: number
  readonly abortGraceMs: number
  /** Aborts when there is no more time for warmth. */
  readonly hurry: AbortSignal
}

/** The most that handlers get to give way when somebody is in a hurry. */
const COLD_GRACE_MS = 1_500
/** How long the last writes may take when the database does not answer; then others rescue what is left. */
const LAST_WRITES_MS = 5_000

/**
 * Stops a worker, in this order:
 *
 * 1. claim nothing more; what was claimed and has not begun goes back at once, uncharged
 * 2. wait for what runs, up to the deadline; heartbeats go on
 * 3. abort the signals of what still runs; give it the grace to return
 * 4. give back what still runs: its handler is fenced and others may run it
 * 5. settle everything that is buffered
 * 6. leave: the row goes, and with it whatever the table says we hold; the locks go last
 */
export async function drain(work: Drain): Promise<void> {
  const { cycle } = work
  const begun = performance.now()
  cycle.stopClaiming()
  await within(work.timeoutMs, cycle.whenEmpty(), work.hurry)
  if (cycle.running > 0) {
    const remedy = 'another worker runs the job again; stop at once, or return what is done'
    cycle.abortAll(new CeleriacError('WORKER_STATE', { state: 'stopping', remedy }))
    await within(
      work.hurry.aborted ? Math.min(COLD_GRACE_MS, work.abortGraceMs) : work.abortGraceMs,
      cycle.whenEmpty(),
    )
    cycle.releaseAll()
  }
  await work.reports.flush()
  // Whatever is left of the time is theirs: a database that is away for a moment must not cost what is done.
  const left = work.timeoutMs - (performance.now() - begun)
  await within(Math.max(LAST_WRITES_MS, work.hurry.aborted ? 0 : left), cycle.whenEmpty())
  cycle.stop()
  await work.guarded?.quiet()
  await within(
    LAST_WRITES_MS,
    deregisterWorker(work.database, work.workerId()).catch(() => undefined),
  )
  await work.guarded?.leave()
}

/** Waits for `work`, but not longer than this, and not after `hurry` has aborted. */
async function within(ms: number, work: Promise<unknown>, hurry?: AbortSignal): Promise<void> {
  if (hurry?.aborted === true) return
  let finish: () => void = () => undefined
  const early = new Promise<void>((resolve) => {
    finish = resolve
  })
  const timer = setTimeout(finish, ms)
  hurry?.addEventListener('abort', finish, { once: true })
  await Promise.race([work, early])
  clearTimeout(timer)
  hurry?.removeEventListener('abort', finish)
}
