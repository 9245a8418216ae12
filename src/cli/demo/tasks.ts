import { exponential } from '../../base/backoff.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { StoredError } from '../../base/thrown.ts'
import type { FailureReport } from '../../canvas/failure-report.ts'
import type { Celeriac } from '../../celeriac.ts'
import { currentJob } from '../../task/current-job.ts'
import type { TaskOptions } from '../../task/options.ts'
import type { ArtFormat } from './artwork.ts'
import type { Bitrate } from './mp3.ts'
import { apologise, type Follower, indexTrack, type Media, notify, publishTo } from './publish-steps.ts'
import { askRights, type Clearance } from './rights.ts'
import {
  type Analysis,
  analyse,
  encode,
  extractTags,
  makePicture,
  type NormalisedSound,
  normalise,
  type Surroundings,
  type TaggedTrack,
} from './steps.ts'
import { type Upload, type Uploaded, uploadFile } from './upload.ts'

/** What the tasks need of their surroundings. */
export interface DemoSettings {
  /** Folder that plays the part of the cloud. */
  readonly cloud: string
  readonly rightsUrl: string
  /** What a twentieth of an upload takes on the wire. */
  readonly pieceMs?: number | undefined
}

/** What the encoders wait for. */
export interface Cleared {
  readonly sound: NormalisedSound
  readonly rights: Clearance
}

/** The one queue of the demo: what matters first goes by priority, not by line. */
export const DEMO_QUEUE = 'demo'

/** Larger runs first. The copyright check, which keeps others waiting, overtakes pictures that stand there already. */
const PRIORITY = { rights: 20, mail: 10, sound: 5, pictures: 0, housekeeping: -5 } as const

/** Faults of the file itself: another attempt would meet them again, and nobody has to be woken for them. */
export const isFileFault = (error: unknown): boolean => hasCode(error, 'AUDIO_DAMAGED', 'AUDIO_UNSUPPORTED')

/** The recording belongs to somebody else. */
export const isRefusal = (error: unknown): boolean => hasCode(error, 'PERMANENT')

const isRightsFault = (error: Error): boolean => hasCode(error, 'DEMO_RIGHTS') || isRefusal(error)

/** Not by class: an error that has been stored and read again has kept its code. */
function hasCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code)
}

const ON_FILES: TaskOptions = {
  queue: DEMO_QUEUE,
  maxAttempts: 3,
  backoff: ['500ms', '2s'],
  timeLimit: '10m',
  giveUpOn: [isFileFault],
  expected: [isFileFault],
}

/** Defines the demo's tasks: each is one small piece of work that may run twice. */
export function demoTasks(app: Celeriac, { cloud, rightsUrl, pieceMs }: DemoSettings) {
  const here = (): Surroundings => {
    const job = currentJob()
    return { cloud, signal: job.signal, report: (done) => job.progress({ done }) }
  }
  const named = (priority: keyof typeof PRIORITY): TaskOptions => ({
    ...ON_FILES,
    priority: PRIORITY[priority],
  })

  return {
    upload: app.task('demo.upload', named('sound'), (file: Upload): Promise<Uploaded> => {
      const { signal, report } = here()
      return uploadFile(cloud, file, { signal, report, pieceMs })
    }),

    tags: app.task('demo.tags', named('sound'), (uploaded: Uploaded) => extractTags(here(), uploaded)),

    art: app.task('demo.art', named('pictures'), (tagged: TaggedTrack, format: ArtFormat) =>
      makePicture(here(), tagged, format),
    ),

    waveform: app.task('demo.waveform', named('sound'), (uploaded: Uploaded) => analyse(here(), uploaded)),

    normalise: app.task('demo.normalise', named('sound'), (analysis: Analysis) =>
      normalise(here(), analysis),
    ),

    rights: app.task(
      'demo.rights',
      {
        queue: DEMO_QUEUE,
        priority: PRIORITY.rights,
        maxAttempts: 25,
        backoff: exponential({ base: '300ms', factor: 1.5, max: '5s', jitter: true }),
        timeLimit: '30s',
        expected: [isRightsFault],
      },
      ({ sha256 }: Uploaded) => askRights(rightsUrl, sha256, currentJob().signal),
    ),

    encode: app.task('demo.encode', named('sound'), ({ sound }: Cleared, kbps: Bitrate) =>
      encode(here(), sound, kbps),
    ),

    index: app.task('demo.index', named('housekeeping'), (_: Media, track: string) =>
      indexTrack(here(), track),
    ),

    publish: app.task(
      'demo.publish',
      named('housekeeping'),
      (media: Media, track: string, follower: Follower) => publishTo(here(), track, follower, media),
    ),

    notify: app.task('demo.notify', named('mail'), (media: Media, track: string) =>
      notify(here(), track, media),
    ),

    apologise: app.task('demo.apologise', named('mail'), (failure: FailureReport, track: string) =>
      apologise(here(), track, reasonOf(failure.error)),
    ),
  }
}

/** What went wrong in the first place: a group fails because a member did. */
function reasonOf({ name, message, cause }: StoredError): string {
  return name === 'ChordError' && cause !== undefined ? reasonOf(cause) : message
}

/** The tasks of the demo. */
export type DemoTasks = ReturnType<typeof demoTasks>
