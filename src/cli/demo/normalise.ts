import type { Loudness } from './loudness.ts'

/** What streaming services play at. */
export const TARGET_LUFS = -14
/** No point of the wave may become higher: lossy encoders overshoot a little. */
export const CEILING_DB = -1

/**
 * The gain that brings a sound to `TARGET_LUFS`, or as near as its highest point lets it.
 *
 * @returns decibels; 0 for a sound without loudness
 */
export function gainOf({ integratedLufs, truePeakDb }: Loudness): number {
  if (integratedLufs === null || truePeakDb === null) return 0
  return Math.min(TARGET_LUFS - integratedLufs, CEILING_DB - truePeakDb)
}

/** The same sound, louder or quieter. */
export function amplified(channels: readonly Float32Array[], gainDb: number): readonly Float32Array[] {
  const factor = 10 ** (gainDb / 20)
  return channels.map((samples) => samples.map((sample) => sample * factor))
}

const HALF_POWER = Math.SQRT1_2

/** How much of each channel, in the order of a WAV file, goes to the left; the mirror image goes to the right. */
const LEFT: Readonly<Record<number, readonly number[]>> = {
  3: [1, 0, HALF_POWER],
  4: [1, 0, HALF_POWER, 0],
  5: [1, 0, HALF_POWER, HALF_POWER, 0],
  6: [1, 0, HALF_POWER, 0, HALF_POWER, 0],
}
const RIGHT: typeof LEFT = {
  3: [0, 1, HALF_POWER],
  4: [0, 1, 0, HALF_POWER],
  5: [0, 1, HALF_POWER, 0, HALF_POWER],
  6: [0, 1, HALF_POWER, 0, 0, HALF_POWER],
}

/** Two channels of however many: surround is mixed down, without its low-frequency channel; mono is heard twice. */
export function toStereo(channels: readonly Float32Array[]): [Float32Array, Float32Array] {
  const [first = new Float32Array(), second = first] = channels
  const [left, right] = [LEFT[channels.length], RIGHT[channels.length]]
  if (left === undefined || right === undefined) return [first, second]
  return [mixed(channels, left), mixed(channels, right)]
}

function mixed(channels: readonly Float32Array[], weights: readonly number[]): Float32Array {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const out = new Float32Array(channels[0]?.length ?? 0)
  for (const [channel, samples] of channels.entries()) {
    const weight = (weights[channel] ?? 0) / sum
    for (let i = 0; i < out.length; i += 1) out[i] = (out[i] ?? 0) + weight * (samples[i] ?? 0)
  }
  return out
}
