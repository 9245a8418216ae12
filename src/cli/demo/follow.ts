import { setTimeout as pause } from 'node:timers/promises'
import { isSettled, STEP_NAMES, type Step, type StepName, standingOf, stepsOf, type Track } from './track.ts'

/** Told about what a picture of the tracks alone does not show. */
export interface Watcher {
  /** An attempt of a job failed, and it is attempted again. */
  retried(track: Track, name: StepName, attempt: number, reason: string): void
  /** Every job of one task has settled. */
  settled(track: Track, name: StepName, steps: readonly Step[]): void
}

/** An upload, and how to look at its jobs. */
export interface Followed {
  readonly track: Track
  /** Reads the jobs as they are now. */
  readonly look: () => Promise<readonly Step[]>
}

const LOOK_EVERY_MS = 150

/**
 * Looks at the jobs of the uploads again and again until all are settled, their error handlers too, and keeps the tracks
 * up to date.
 *
 * @throws the signal's reason when it aborts, or what looking has thrown; the jobs are not touched
 */
export async function follow(
  uploads: readonly Followed[],
  watcher: Watcher,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    uploads.map(async ({ track, look }) => {
      const told = new Set<string>()
      while (!isOver(track)) {
        signal.throwIfAborted()
        track.steps = await look()
        tell(track, told, watcher)
        // Ends early when the signal aborts, whose reason the next turn throws.
        if (!isOver(track)) await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined)
      }
    }),
  )
}

function isOver(track: Track): boolean {
  const standing = standingOf(track)
  return standing !== 'waiting' && standing !== 'running'
}

/** Says each thing once. */
function tell(track: Track, told: Set<string>, watcher: Watcher): void {
  const once = (key: string, say: () => void): void => {
    if (told.has(key)) return
    told.add(key)
    say()
  }
  for (const step of track.steps) {
    for (const [index, reason] of step.reasons.entries()) {
      once(`${step.id} ${index}`, () => watcher.retried(track, step.name, index + 1, reason))
    }
  }
  for (const name of STEP_NAMES) {
    const steps = stepsOf(track, name)
    if (steps.length > 0 && steps.every(isSettled)) once(name, () => watcher.settled(track, name, steps))
  }
}
