import { mkdir, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { exponential } from '../../base/backoff.ts'
import { CeleriacError, isCeleriacError } from '../../base/errors.ts'
import type { Celeriac } from '../../celeriac.ts'
import { currentJob } from '../../task/current-job.ts'
import type { TaskOptions } from '../../task/options.ts'
import { resizeCover } from './artwork.ts'
import { askCatalogue } from './catalogue.ts'
import { decodeChunks } from './decode.ts'
import { type Loudness, loudnessMeter } from './loudness.ts'
import { readTags, type Tags } from './tags.ts'
import { type Waveform, waveformMeter } from './waveform.ts'

/** What the tasks need of their surroundings. */
export interface DemoSettings {
  readonly catalogueUrl: string
  /** Folder that the small covers are written to. */
  readonly covers: string
}

/** What a file says about itself, and its number in the catalogue. */
export type CataloguedTags = Omit<Tags, 'cover'> & { readonly number: number }

/** A cover in one size, as a file. */
export interface CoverFile {
  readonly path: string
  readonly width: number
  readonly height: number
  readonly bytes: number
}

/** Results of the parts of a track, by part. */
export interface PartResults {
  readonly tags: CataloguedTags
  readonly waveform: Waveform
  readonly loudness: Loudness
  readonly artwork: readonly CoverFile[]
}

/** The jobs that do a track's parts, by part. */
export type Parts = Readonly<Record<keyof PartResults, string>>

/** By weight, so that whatever happens in one of them, the others get their turns. */
export const DEMO_QUEUES = { demo: 1, 'demo.network': 1, 'demo.audio': 3 } as const

/** Faults of the file itself: another attempt would meet them again, and nobody has to be woken for them. */
export function isFileFault(error: unknown): boolean {
  // Not by class: an error that has been stored and read again has kept its code.
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'AUDIO_DAMAGED' || error.code === 'AUDIO_UNSUPPORTED'
}

const isCatalogueFault = (error: Error): boolean => isCeleriacError(error) && error.code === 'DEMO_CATALOGUE'

const AUDIO: TaskOptions = {
  queue: 'demo.audio',
  maxAttempts: 3,
  backoff: ['500ms', '2s'],
  timeLimit: '10m',
  giveUpOn: [isFileFault],
  expected: [isFileFault],
}

/**
 * Defines the demo's tasks: `demo.track` enqueues the four parts of a file, which then run side by side, each with
 * the queue, the attempts and the time limit that suit it.
 */
export function demoTasks(app: Celeriac, { catalogueUrl, covers }: DemoSettings) {
  const tags = app.task(
    'demo.tags',
    {
      queue: 'demo.network',
      maxAttempts: 25,
      backoff: exponential({ base: '300ms', factor: 2, max: '10s', jitter: true }),
      timeLimit: '30s',
      giveUpOn: [isFileFault],
      expected: [isFileFault, isCatalogueFault],
    },
    async (path: string): Promise<CataloguedTags> => {
      const { cover: _, ...said } = await readTags(path)
      const track = JSON.stringify([said.artist, said.title])
      return { ...said, number: await askCatalogue(catalogueUrl, track, currentJob().signal) }
    },
  )

  const waveform = app.task('demo.waveform', AUDIO, async (path: string): Promise<Waveform> => {
    const meter = await measure(path, (sampleRate) => waveformMeter(sampleRate, 200))
    return meter.finish()
  })

  const loudness = app.task('demo.loudness', AUDIO, async (path: string): Promise<Loudness> => {
    const meter = await measure(path, loudnessMeter)
    return meter.finish()
  })

  const artwork = app.task('demo.artwork', AUDIO, async (path: string): Promise<readonly CoverFile[]> => {
    const file = basename(path)
    const { cover } = await readTags(path)
    if (cover === null) return []
    const pictures = await resizeCover(cover.data, file)
    await mkdir(covers, { recursive: true })
    return Promise.all(
      pictures.map(async ({ size, width, height, data }) => {
        const target = join(covers, `${file}-${size}.webp`)
        await writeFile(target, data)
        return { path: target, width, height, bytes: data.length }
      }),
    )
  })

  const track = app.task(
    'demo.track',
    { queue: 'demo', maxAttempts: 3, expires: '1h' },
    async (path: string): Promise<Parts> => {
      await stat(path) // a file that is gone needs no parts
      // Enqueued together they are one statement. They are children of this job, which does not wait for them: it
      // would only hold a slot. Should it run twice, so do they, and measuring twice does no harm.
      const call = { labels: { file: basename(path) } }
      const [tagsJob, waveformJob, loudnessJob, artworkJob] = await Promise.all([
        tags.with(call).enqueue(path),
        waveform.with(call).enqueue(path),
        loudness.with(call).enqueue(path),
        artwork.with(call).enqueue(path),
      ])
      return {
        tags: tagsJob.id,
        waveform: waveformJob.id,
        loudness: loudnessJob.id,
        artwork: artworkJob.id,
      }
    },
  )

  return { track, tags, waveform, loudness, artwork }
}

/** Something that is fed samples. */
interface Meter {
  add(channels: readonly Float32Array[]): void
}

/** Decodes a file into a meter; reports how far it is, and stops when the job has to. */
async function measure<Fed extends Meter>(
  path: string,
  open: (sampleRate: number, channelCount: number) => Fed,
): Promise<Fed> {
  const job = currentJob()
  let meter: Fed | undefined
  for await (const { sampleRate, channels, done } of decodeChunks(path, { signal: job.signal })) {
    meter ??= open(sampleRate, channels.length)
    meter.add(channels)
    job.progress({ done })
  }
  if (meter === undefined) {
    throw new CeleriacError('AUDIO_DAMAGED', { file: basename(path), problem: 'it holds no sound' })
  }
  return meter
}
