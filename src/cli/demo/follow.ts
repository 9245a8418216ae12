import { setTimeout as pause } from 'node:timers/promises'
import { JobCancelledError } from '../../base/errors.ts'
import type { Celeriac } from '../../celeriac.ts'
import type { JobHandle, Settled } from '../../job/handle.ts'
import type { Parts } from './app.ts'
import { PARTS, type Part, type Track } from './track.ts'

/** Told about what a screen cannot see from the tracks alone. */
export interface Watcher {
  /** A part failed and will be attempted again. */
  retried(track: Track, part: Part, reason: string): void
  /** Every part of the file has settled. */
  finished(track: Track): void
}

/** A file's job, and where what becomes of it is noted. */
export interface Followed {
  readonly track: Track
  readonly handle: JobHandle<Parts>
}

const LOOK_EVERY_MS = 150

/**
 * Follows the jobs of the files until all are settled, and keeps their tracks up to date: progress and results come
 * through handles, which part runs or waits for its next attempt is read from the views.
 *
 * @throws the signal's reason when it aborts; the jobs are not touched
 */
export async function follow(
  app: Celeriac,
  files: readonly Followed[],
  watcher: Watcher,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, PartOfTrack>()
  const settled = new AbortController()
  const looking = lookAtStates(app, known, watcher, AbortSignal.any([signal, settled.signal]))
  try {
    await Promise.all(
      files.map(async ({ track, handle }) => {
        await followTrack(app, track, await handle.settled({ signal }), known, signal)
        track.note = track.failures[0] === undefined ? '' : rootOf(track.failures[0].error).message
        watcher.finished(track)
      }),
    )
  } finally {
    settled.abort()
    await looking
  }
}

interface PartOfTrack {
  readonly track: Track
  readonly part: Part
}

async function followTrack(
  app: Celeriac,
  track: Track,
  end: Settled<Parts>,
  known: Map<string, PartOfTrack>,
  signal: AbortSignal,
): Promise<void> {
  if (end.ok) {
    for (const part of PARTS) known.set(end.value[part], { track, part })
    await Promise.all(PARTS.map((part) => followPart(app, track, part, end.value[part], signal)))
    return
  }
  track.failures.push({ part: 'track', error: end.error })
  for (const part of PARTS) track.cells[part] = { state: 'none' }
}

async function followPart<Each extends Part>(
  app: Celeriac,
  track: Track,
  part: Each,
  jobId: string,
  signal: AbortSignal,
): Promise<void> {
  const handle = app.job<NonNullable<Track['results'][Each]>>(jobId)
  // Ends with the job, or with the app when the demo is stopped; then nobody looks any more.
  showProgress(handle, track, part).catch(() => undefined)
  const end = await handle.settled({ signal })
  if (end.ok) {
    track.results[part] = end.value
    track.cells[part] = { state: part === 'artwork' && isEmpty(end.value) ? 'none' : 'succeeded' }
    return
  }
  track.failures.push({ part, error: end.error })
  track.cells[part] = { state: end.error instanceof JobCancelledError ? 'cancelled' : 'failed' }
}

async function showProgress(handle: JobHandle, track: Track, part: Part): Promise<void> {
  for await (const report of handle.progress()) {
    const { state } = track.cells[part]
    if (state !== 'waiting' && state !== 'running') continue
    const done = typeof report === 'object' && report !== null && 'done' in report ? report.done : undefined
    if (typeof done === 'number') track.cells[part] = { state: 'running', done }
  }
}

async function lookAtStates(
  app: Celeriac,
  known: ReadonlyMap<string, PartOfTrack>,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<void> {
  const told = new Map<string, number>()
  while (!signal.aborted) {
    // A look that fails is made up for by the next one; the handles decide what has happened.
    await lookOnce(app, known, told, watcher).catch(() => undefined)
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}

async function lookOnce(
  app: Celeriac,
  known: ReadonlyMap<string, PartOfTrack>,
  told: Map<string, number>,
  watcher: Watcher,
): Promise<void> {
  const [running, pending] = await Promise.all([
    app.inspect.jobs({ state: 'running', limit: 1_000 }),
    app.inspect.jobs({ state: 'pending', limit: 1_000 }),
  ])
  for (const job of [...running, ...pending]) {
    const found = known.get(job.id)
    if (found === undefined) continue
    const { track, part } = found
    const cell = track.cells[part]
    if (!['waiting', 'running', 'retrying'].includes(cell.state)) continue
    if (job.state === 'running' && cell.state !== 'running') track.cells[part] = { state: 'running' }
    if (job.condition !== 'retrying') continue
    track.cells[part] = { state: 'retrying' }
    if (told.get(job.id) === job.attempt) continue
    told.set(job.id, job.attempt)
    const attempts = await app.inspect.attempts(job.id)
    const reason = attempts.at(-1)?.error_message ?? 'it failed'
    track.note = `${part}, attempt ${attempts.length}: ${reason}`
    watcher.retried(track, part, reason)
  }
}

/** What the handler threw, beneath what the handle says about it. */
export function rootOf(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0
