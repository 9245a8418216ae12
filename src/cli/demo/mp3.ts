import { setImmediate } from 'node:timers/promises'
import type { AudioChunk } from './decode.ts'
import { toStereo } from './normalise.ts'

/** Bit rates that a track is offered in, in kbit/s. */
export const BITRATES = [128, 192, 320] as const
export type Bitrate = (typeof BITRATES)[number]

/** At lower rates an mp3 holds 160 kbit/s at most. */
const SAMPLE_RATE = 44_100
/** A tenth of a second of work at most, so that the worker goes on living. */
const STEP_FRAMES = 32_768

/**
 * Encodes a sound with LAME at a constant bit rate, in stereo.
 *
 * @param report - told how much is done, 0 … 1
 */
export async function encodeMp3(
  chunks: AsyncIterable<AudioChunk>,
  kbps: Bitrate,
  report: (done: number) => void = () => undefined,
): Promise<Uint8Array> {
  const { createMp3Encoder } = await import('wasm-media-encoders')
  const encoder = await createMp3Encoder()
  const parts: Uint8Array[] = []
  let begun = false
  for await (const { sampleRate, channels, done } of chunks) {
    if (!begun) encoder.configure({ sampleRate, channels: 2, bitrate: kbps, outputSampleRate: SAMPLE_RATE })
    begun = true
    const [left, right] = toStereo(channels)
    for (let from = 0; from < left.length; from += STEP_FRAMES) {
      const to = from + STEP_FRAMES
      // Copied, since the encoder reuses its buffer.
      parts.push(Buffer.from(encoder.encode([left.subarray(from, to), right.subarray(from, to)])))
      await setImmediate()
    }
    report(done)
  }
  if (begun) parts.push(Buffer.from(encoder.finalize()))
  return Buffer.concat(parts)
}
