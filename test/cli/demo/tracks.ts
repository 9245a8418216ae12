import type { Step, StepName, Track } from '../../../src/cli/demo/track.ts'

const JOBS: readonly (readonly [name: StepName, count: number])[] = [
  ['upload', 1],
  ['tags', 1],
  ['art', 16],
  ['waveform', 1],
  ['normalise', 1],
  ['rights', 1],
  ['encode', 3],
  ['index', 1],
  ['publish', 3],
  ['notify', 1],
]

/** An upload whose jobs wait, but for those that are named; `apologise` is there only when it is. */
export function aTrack(jobs: Partial<Record<StepName, Partial<Step>>> = {}, track = 'night-train'): Track {
  const all = jobs.apologise === undefined ? JOBS : [...JOBS, ['apologise', 1] as const]
  const steps = all.flatMap(([name, count]) =>
    Array.from(
      { length: count },
      (_, index): Step => ({
        id: `${name}-${index}`,
        name,
        state: 'waiting',
        attempt: 0,
        done: null,
        reasons: [],
        error: null,
        skipped: false,
        ...jobs[name],
      }),
    ),
  )
  return { upload: { path: `/music/${track}.mp3`, track }, steps }
}

/** The same state for every job. */
export function settledTrack(state: Step['state'] = 'succeeded'): Track {
  return aTrack(Object.fromEntries(JOBS.map(([name]) => [name, { state, attempt: 1 }])))
}
