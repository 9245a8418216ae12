import type { Celeriac } from '../../celeriac.ts'
import type { Clearance } from './rights.ts'
import type { Analysis, Mp3, NormalisedSound, Picture, TaggedTrack } from './steps.ts'
import { isFileFault, isRefusal } from './tasks.ts'
import { failuresOf, type StepName, stepsOf, type Track } from './track.ts'

/** What is there of a track, whether it was published or not. */
export interface TrackResults {
  readonly tags?: TaggedTrack | undefined
  readonly analysis?: Analysis | undefined
  readonly sound?: NormalisedSound | undefined
  readonly clearance?: Clearance | undefined
  readonly art: readonly Picture[]
  readonly audio: readonly Mp3[]
}

/** Reads the results of the jobs that have succeeded; those of a branch that failed elsewhere are there, too. */
export async function readResults(app: Celeriac, track: Track): Promise<TrackResults> {
  async function read<Value>(name: StepName): Promise<readonly Value[]> {
    const done = stepsOf(track, name).filter(({ state }) => state === 'succeeded')
    return Promise.all(done.map(({ id }) => app.job<Value>(id).result()))
  }
  const [[tags], [analysis], [sound], [clearance], art, audio] = await Promise.all([
    read<TaggedTrack>('tags'),
    read<Analysis>('waveform'),
    read<NormalisedSound>('normalise'),
    read<Clearance>('rights'),
    read<Picture>('art'),
    read<Mp3>('encode'),
  ])
  return { tags, analysis, sound, clearance, art, audio }
}

/** Whether nothing has failed but what no other attempt could mend: damaged files, and recordings of somebody else. */
export async function failuresAreExpected(app: Celeriac, tracks: readonly Track[]): Promise<boolean> {
  const ends = await Promise.all(
    tracks.flatMap(failuresOf).map(async ({ id }) => {
      const end = await app.job(id).settled()
      const cause = end.ok ? null : end.error.cause
      return isFileFault(cause) || isRefusal(cause)
    }),
  )
  return ends.every(Boolean)
}
