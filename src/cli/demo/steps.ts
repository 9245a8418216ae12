import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { CeleriacError } from '../../base/errors.ts'
import { type ArtFormat, resizeCover } from './artwork.ts'
import { type CloudFile, pathIn, readBytes, saveFile } from './cloud.ts'
import { drawCover } from './cover-image.ts'
import { decodeChunks } from './decode.ts'
import { type Loudness, loudnessMeter } from './loudness.ts'
import { type Bitrate, encodeMp3 } from './mp3.ts'
import { amplified, gainOf } from './normalise.ts'
import { readTags, type Tags } from './tags.ts'
import type { Uploaded } from './upload.ts'
import { joinWav, pcm16 } from './wav.ts'
import { drawWaveform } from './wave-picture.ts'
import { type Waveform, waveformMeter } from './waveform.ts'

/** What a step of the workflow works in. */
export interface Surroundings {
  /** The folder that plays the part of the cloud. */
  readonly cloud: string
  readonly signal: AbortSignal
  /** Told how much is done, 0 … 1. */
  readonly report: (done: number) => void
}

/** What a track says about itself. */
export interface TaggedTrack extends Omit<Tags, 'cover'> {
  readonly track: string
  /** Its cover in the cloud; drawn when the file had none. */
  readonly cover: string
}

/** A cover in one format, in the cloud. */
export interface Picture extends CloudFile, ArtFormat {
  /** Pixels a side: a small cover is not blown up. */
  readonly pixels: number
}

/** What was measured of a recording. */
export interface Analysis {
  readonly track: string
  /** The recording in the cloud. */
  readonly original: string
  readonly waveform: Waveform
  readonly loudness: Loudness
  /** The waveform as a picture in the cloud. */
  readonly picture: string
}

/** A recording as loud as all others, as a WAV file in the cloud. */
export interface NormalisedSound extends CloudFile {
  readonly track: string
  readonly gainDb: number
  readonly loudness: Loudness
}

/** A recording as it is sent to listeners. */
export interface Mp3 extends CloudFile {
  readonly kbps: Bitrate
}

/** Reads a recording's tags into the cloud, and its cover; a recording without one gets one drawn. */
export async function extractTags({ cloud }: Surroundings, { track, key }: Uploaded): Promise<TaggedTrack> {
  const { cover, ...said } = await readTags(pathIn(cloud, key))
  const image = cover?.data ?? (await drawnFor(track))
  const { key: coverKey } = await saveFile(cloud, `${track}/cover.${extensionOf(cover?.mime)}`, image)
  const tagged: TaggedTrack = { ...said, track, cover: coverKey }
  await saveFile(cloud, `${track}/tags.json`, `${JSON.stringify(tagged, null, 2)}\n`)
  return tagged
}

/** Makes one of the pictures that a cover is shown as. */
export async function makePicture(
  { cloud }: Surroundings,
  { track, cover }: TaggedTrack,
  format: ArtFormat,
): Promise<Picture> {
  const { width, data } = await resizeCover(await readBytes(cloud, cover), track, format)
  const { size, density } = format
  return {
    size,
    density,
    pixels: width,
    ...(await saveFile(cloud, `${track}/art/${size}@${density}x.webp`, data)),
  }
}

const COLUMNS = 200

/** Measures a recording and draws its waveform. */
export async function analyse(
  { cloud, signal, report }: Surroundings,
  { track, key }: Uploaded,
): Promise<Analysis> {
  let meters: { readonly wave: Meter<Waveform>; readonly loud: Meter<Loudness> } | undefined
  for await (const { sampleRate, channels, done } of decodeChunks(pathIn(cloud, key), { signal })) {
    meters ??= {
      wave: waveformMeter(sampleRate, COLUMNS),
      loud: loudnessMeter(sampleRate, channels.length),
    }
    meters.wave.add(channels)
    meters.loud.add(channels)
    report(done)
  }
  if (meters === undefined) {
    throw new CeleriacError('AUDIO_DAMAGED', { file: basename(key), problem: 'it holds no sound' })
  }
  const waveform = meters.wave.finish()
  const picture = await saveFile(cloud, `${track}/waveform.png`, await drawWaveform(waveform.peaks))
  return { track, original: key, waveform, loudness: meters.loud.finish(), picture: picture.key }
}

/** Brings a recording to the loudness of all others. */
export async function normalise(
  { cloud, signal, report }: Surroundings,
  { track, original, loudness }: Analysis,
): Promise<NormalisedSound> {
  const gainDb = gainOf(loudness)
  const pcm: Uint8Array[] = []
  let format:
    | { readonly sampleRate: number; readonly channelCount: number; meter: Meter<Loudness> }
    | undefined
  for await (const { sampleRate, channels, done } of decodeChunks(pathIn(cloud, original), { signal })) {
    const channelCount = channels.length
    format ??= { sampleRate, channelCount, meter: loudnessMeter(sampleRate, channelCount) }
    const louder = amplified(channels, gainDb)
    format.meter.add(louder)
    pcm.push(pcm16(louder))
    report(done)
  }
  const { sampleRate = 0, channelCount = 0, meter } = format ?? {}
  const file = await saveFile(cloud, `${track}/normalised.wav`, joinWav(sampleRate, channelCount, pcm))
  return { ...file, track, gainDb, loudness: meter?.finish() ?? loudness }
}

/** Encodes a recording for listeners. */
export async function encode(
  { cloud, signal, report }: Surroundings,
  { track, key }: NormalisedSound,
  kbps: Bitrate,
): Promise<Mp3> {
  const bytes = await encodeMp3(decodeChunks(pathIn(cloud, key), { signal }), kbps, report)
  return { kbps, ...(await saveFile(cloud, `${track}/${track}-${kbps}.mp3`, bytes)) }
}

interface Meter<Reading> {
  add(channels: readonly Float32Array[]): void
  finish(): Reading
}

/** Always the same cover for the same track. */
function drawnFor(track: string): Promise<Uint8Array> {
  const hash = createHash('sha256').update(track).digest()
  const colour = (from: number): string => `#${hash.toString('hex', from, from + 3)}`
  return drawCover(
    [colour(0), colour(3)],
    [...hash.subarray(6, 20)].map((byte) => byte / 255),
  )
}

function extensionOf(mime: string | undefined): string {
  const [, kind = 'jpeg'] = /^image\/(\w+)$/.exec(mime ?? '') ?? []
  return kind === 'jpeg' ? 'jpg' : kind
}
