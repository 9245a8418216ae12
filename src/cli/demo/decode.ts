import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { CeleriacError } from '../../base/errors.ts'
import { type AudioFormat, audioFormat, flacFrames, isMonoMp3, missingPart } from './container.ts'
import { parseWav, readFrames } from './wav.ts'

/** Decoded sound: one array per channel, all of one length, full scale ±1. */
export interface Audio {
  readonly sampleRate: number
  readonly channels: readonly Float32Array[]
  readonly seconds: number
}

/** A stretch of a file, in order, its channels as in a WAV file: L R C LFE Ls Rs; `done` is the part of the file that has been read, 0 … 1. */
export interface AudioChunk {
  readonly sampleRate: number
  readonly channels: readonly Float32Array[]
  readonly done: number
}

/** How a file is decoded. */
export interface DecodeOptions {
  /** Stops between two chunks, with its reason. */
  readonly signal?: AbortSignal | undefined
}

const CODED_CHUNK_BYTES = 65_536
const WAV_CHUNK_FRAMES = 65_536

/**
 * Decodes an mp3, flac, ogg (vorbis or opus) or wav file piece by piece.
 *
 * The event loop gets its turn after each piece, so that a worker goes on living while a long file is decoded.
 *
 * @throws {CeleriacError} `AUDIO_DAMAGED` when the file ends early or its decoder reports a fault, which another
 *   attempt cannot mend; `AUDIO_UNSUPPORTED` for another format; `DEMO_PACKAGES` is not checked here
 */
export async function* decodeChunks(path: string, options: DecodeOptions = {}): AsyncGenerator<AudioChunk> {
  const bytes = await readFile(path, { signal: options.signal })
  const file = basename(path)
  const format = audioFormat(bytes, file)
  const problem = missingPart(bytes, format)
  if (problem !== null) throw new CeleriacError('AUDIO_DAMAGED', { file, problem })

  let sampleRate = 0
  let frames = 0
  for await (const chunk of format === 'wav' ? wavChunks(bytes, file) : codedChunks(bytes, format, file)) {
    options.signal?.throwIfAborted()
    const [first] = chunk.channels
    if (first === undefined || first.length === 0) continue
    if (sampleRate !== 0 && chunk.sampleRate !== sampleRate) {
      throw new CeleriacError('AUDIO_UNSUPPORTED', { file, found: 'of several sample rates' })
    }
    sampleRate = chunk.sampleRate
    frames += first.length
    yield chunk
    await setImmediate()
  }
  if (frames === 0) throw new CeleriacError('AUDIO_DAMAGED', { file, problem: 'it holds no sound' })
  const promised = format === 'flac' ? flacFrames(bytes) : 0
  if (frames < promised) {
    const lost = `only ${frames} samples of ${promised} can be decoded`
    throw new CeleriacError('AUDIO_DAMAGED', { file, problem: lost })
  }
}

/**
 * Decodes a whole file into memory: about 21 MB for each minute of stereo.
 *
 * @throws {CeleriacError} as `decodeChunks`
 */
export async function decode(path: string, options: DecodeOptions = {}): Promise<Audio> {
  const chunks: AudioChunk[] = []
  for await (const chunk of decodeChunks(path, options)) chunks.push(chunk)
  const sampleRate = chunks[0]?.sampleRate ?? 0
  const channels = (chunks[0]?.channels ?? []).map((_, channel) =>
    joined(chunks.map((chunk) => chunk.channels[channel] ?? new Float32Array())),
  )
  return { sampleRate, channels, seconds: (channels[0]?.length ?? 0) / sampleRate }
}

function* wavChunks(bytes: Uint8Array, file: string): Generator<AudioChunk> {
  const wav = parseWav(bytes, file)
  for (let from = 0; from < wav.frames; from += WAV_CHUNK_FRAMES) {
    const to = Math.min(from + WAV_CHUNK_FRAMES, wav.frames)
    yield { sampleRate: wav.sampleRate, channels: readFrames(bytes, wav, from, to), done: to / wav.frames }
  }
}

interface Decoded {
  readonly channelData: readonly Float32Array[]
  readonly sampleRate: number
  readonly errors: readonly { readonly message: string }[]
}

interface Decoder {
  readonly ready: Promise<void>
  decode(bytes: Uint8Array): Decoded | Promise<Decoded>
  flush?(): Promise<Decoded>
  free(): void
}

async function* codedChunks(
  bytes: Uint8Array,
  format: Exclude<AudioFormat, 'wav'>,
  file: string,
): AsyncGenerator<AudioChunk> {
  const decoder = await openDecoder(format)
  const channelsOf = channelOrder(bytes, format)
  const checked = (part: Decoded, done: number): AudioChunk => {
    const [error] = part.errors
    if (error === undefined)
      return { sampleRate: part.sampleRate, channels: channelsOf(part.channelData), done }
    throw new CeleriacError('AUDIO_DAMAGED', { file, problem: `its decoder reports ${error.message}` })
  }
  try {
    await decoder.ready
    for (let from = 0; from < bytes.length; from += CODED_CHUNK_BYTES) {
      const to = Math.min(from + CODED_CHUNK_BYTES, bytes.length)
      yield checked(await decoder.decode(bytes.subarray(from, to)), to / bytes.length)
    }
    if (decoder.flush !== undefined) yield checked(await decoder.flush(), 1)
  } finally {
    decoder.free()
  }
}

async function openDecoder(format: Exclude<AudioFormat, 'wav'>): Promise<Decoder> {
  switch (format) {
    case 'mp3':
      return new (await import('mpg123-decoder')).MPEGDecoder()
    case 'flac':
      return new (await import('@wasm-audio-decoders/flac')).FLACDecoder()
    case 'vorbis':
      return new (await import('@wasm-audio-decoders/ogg-vorbis')).OggVorbisDecoder()
    case 'opus':
      return new (await import('ogg-opus-decoder')).OggOpusDecoder()
  }
}

/** The order of Vorbis, L C R Ls Rs LFE, which Opus in Ogg shares, as places in the order of WAV. */
const VORBIS_ORDER: Readonly<Record<number, readonly number[]>> = {
  3: [0, 2, 1],
  5: [0, 2, 1, 3, 4],
  6: [0, 2, 1, 5, 3, 4],
}

type Channels = readonly Float32Array[]

function channelOrder(bytes: Uint8Array, format: AudioFormat): (channels: Channels) => Channels {
  // mpg123 is built to answer in stereo; one channel heard twice would measure 3 LU too loud.
  if (format === 'mp3' && isMonoMp3(bytes)) return (channels) => channels.slice(0, 1)
  if (format !== 'vorbis' && format !== 'opus') return (channels) => channels
  return (channels) =>
    VORBIS_ORDER[channels.length]?.map((from) => channels[from] ?? new Float32Array()) ?? channels
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
