import { access, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { drawCover } from './cover-image.ts'
import { encodeId3 } from './id3.ts'
import { GLASS_GARDEN, NIGHT_TRAIN, type Piece, SLOW_TIDE, TIN_ROOF } from './pieces.ts'
import { SAMPLE_RATE, type Stereo } from './synth.ts'
import { encodeWav } from './wav.ts'
import { waveform } from './waveform.ts'

/** A file the demo makes. */
interface Sample {
  readonly file: string
  readonly make: () => Promise<Uint8Array>
  /** Only made when something is to fail. */
  readonly faulty?: true
}

const SAMPLES: readonly Sample[] = [
  { file: '1-glass-garden.wav', make: () => taggedWav(GLASS_GARDEN) },
  { file: '2-slow-tide.wav', make: () => taggedWav(SLOW_TIDE) },
  { file: '3-night-train.mp3', make: () => taggedMp3(NIGHT_TRAIN) },
  { file: '4-tin-roof.ogg', make: () => bareOgg(TIN_ROOF) },
  // Cut short on purpose: its header promises twelve seconds and the file holds five.
  {
    file: '5-torn-tape.wav',
    make: async () => cut(await taggedWav({ ...GLASS_GARDEN, title: 'Torn Tape' }), 5 / 12),
    faulty: true,
  },
]

/**
 * Makes the demo's own music: four short pieces as wav, mp3 and ogg, three of them with tags and a cover.
 *
 * Files that are there already are kept; each appears whole or not at all.
 *
 * @param faulty - makes a fifth file, too, which is cut short and cannot be decoded
 * @returns their paths, in order
 */
export async function makeSamples(folder: string, faulty = false): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true })
  const paths: string[] = []
  for (const { file, make } of SAMPLES.filter((sample) => faulty || sample.faulty === undefined)) {
    const path = join(folder, file)
    if (!(await exists(path))) await writeWhole(path, await make())
    paths.push(path)
    await setImmediate() // composing takes a moment; a screen wants to be drawn meanwhile
  }
  return paths
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${process.pid}.part`
  await writeFile(draft, bytes)
  await rename(draft, path)
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

async function taggedWav(piece: Piece): Promise<Uint8Array> {
  const sound = piece.compose()
  return encodeWav(SAMPLE_RATE, [sound.left, sound.right], await id3Of(piece, sound))
}

async function taggedMp3(piece: Piece): Promise<Uint8Array> {
  const { createMp3Encoder } = await import('wasm-media-encoders')
  const sound = piece.compose()
  const encoder = await createMp3Encoder()
  encoder.configure({ sampleRate: SAMPLE_RATE, channels: 2, bitrate: 192 })
  return Buffer.concat([await id3Of(piece, sound), ...encoded(encoder, sound)])
}

/** Without tags and cover, as many files are. */
async function bareOgg(piece: Piece): Promise<Uint8Array> {
  const { createOggEncoder } = await import('wasm-media-encoders')
  const sound = piece.compose()
  const encoder = await createOggEncoder()
  encoder.configure({ sampleRate: SAMPLE_RATE, channels: 2, vbrQuality: 4 })
  return Buffer.concat(encoded(encoder, sound))
}

interface Encoder {
  encode(samples: [Float32Array, Float32Array]): Uint8Array
  finalize(): Uint8Array
}

/** The encoder reuses its buffer, so each part is copied before the next one is made. */
function encoded(encoder: Encoder, sound: Stereo): Buffer[] {
  const body = Buffer.from(encoder.encode([sound.left, sound.right]))
  return [body, Buffer.from(encoder.finalize())]
}

async function id3Of(piece: Piece, sound: Stereo): Promise<Uint8Array> {
  const { peaks } = waveform({ sampleRate: SAMPLE_RATE, channels: [sound.left, sound.right], seconds: 0 }, 7)
  const cover = await drawCover(piece.colours, peaks)
  return encodeId3({ title: piece.title, artist: 'The Root Vegetables', album: 'Music for Queues', cover })
}

const cut = (bytes: Uint8Array, part: number): Uint8Array =>
  bytes.subarray(0, Math.round(bytes.length * part))
