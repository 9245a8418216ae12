import type { JobState } from '../../db/calls/read-jobs.ts'
import type { Upload } from './upload.ts'

/** A job of an upload, as far as a picture of it needs. */
export interface Step {
  readonly id: string
  /** Such as `rights`. */
  readonly name: StepName
  readonly state: JobState
  /** Attempts begun. */
  readonly attempt: number
  /** Part of the running attempt that is done, 0 … 1; null when it does not say. */
  readonly done: number | null
  /** Why attempts of it were repeated, in order. */
  readonly reasons: readonly string[]
  /** Why it failed for good; null when it did not. */
  readonly error: string | null
  /** It never ran, since something before it did not succeed. */
  readonly skipped: boolean
}

/** The tasks of an upload, in the order they are drawn in; `apologise` is its error handler. */
export const STEP_NAMES = [
  'upload',
  'tags',
  'art',
  'waveform',
  'normalise',
  'rights',
  'encode',
  'index',
  'publish',
  'notify',
  'apologise',
] as const
export type StepName = (typeof STEP_NAMES)[number]

/** What is known of an upload. */
export interface Track {
  readonly upload: Upload
  /** Its jobs, in definition order. */
  steps: readonly Step[]
}

export const newTrack = (upload: Upload): Track => ({ upload, steps: [] })

/** The jobs of one task. */
export const stepsOf = ({ steps }: Track, name: StepName): readonly Step[] =>
  steps.filter((step) => step.name === name)

export const isSettled = ({ state }: Step): boolean =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled'

/** Those that went wrong themselves, not because of another. */
export const failuresOf = ({ steps }: Track): readonly Step[] =>
  steps.filter((step) => step.state === 'failed' && !step.skipped)

/** How an upload stands as a whole. */
export type Standing = 'waiting' | 'running' | 'published' | 'failed' | 'cancelled'

export function standingOf(track: Track): Standing {
  const { steps } = track
  if (steps.every(({ state, attempt }) => attempt === 0 && (state === 'waiting' || state === 'pending')))
    return 'waiting'
  if (!steps.every(isSettled)) return 'running'
  if (steps.every(({ state }) => state === 'succeeded')) return 'published'
  return failuresOf(track).length > 0 ? 'failed' : 'cancelled'
}
