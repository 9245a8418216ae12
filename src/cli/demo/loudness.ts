import type { Audio } from './decode.ts'
import { truePeakMeter } from './true-peak.ts'

/** How loud a sound is; `null` where silence has no level in decibels. */
export interface Loudness {
  /** Integrated loudness after ITU-R BS.1770 with both gates, in LUFS; `null` when no block passes -70 LUFS. */
  readonly integratedLufs: number | null
  /** Highest point of the wave, samples and what lies between them, in dBTP. */
  readonly truePeakDb: number | null
  /** Highest sample, in dBFS. */
  readonly samplePeakDb: number | null
}

/** Takes the samples of a file in order; its memory grows by ten numbers a second. */
export interface LoudnessMeter {
  add(channels: readonly Float32Array[]): void
  finish(): Loudness
}

const STEPS_PER_SECOND = 10
const STEPS_PER_BLOCK = 4
const OFFSET = -0.691
const ABSOLUTE_GATE = -70
const RELATIVE_GATE = -10
const SURROUND = 1.41

/** Weights by the usual order of channels: L R C (LFE) Ls Rs. The low-frequency channel does not count. */
const WEIGHTS: Readonly<Record<number, readonly number[]>> = {
  4: [1, 1, SURROUND, SURROUND],
  5: [1, 1, 1, SURROUND, SURROUND],
  6: [1, 1, 1, 0, SURROUND, SURROUND],
}

/**
 * Starts a measurement that is fed piece by piece.
 *
 * Blocks of 400 ms overlap by three quarters; a block that the end cuts is left out, so that a sound shorter than
 * one block has no loudness.
 *
 * @see https://www.itu.int/rec/R-REC-BS.1770 and EBU Tech 3341
 */
export function loudnessMeter(sampleRate: number, channelCount: number): LoudnessMeter {
  const stepFrames = Math.round(sampleRate / STEPS_PER_SECOND)
  const weights = WEIGHTS[channelCount] ?? []
  const voices = Array.from({ length: channelCount }, (_, channel) => ({
    weight: weights[channel] ?? 1,
    filter: kWeighting(sampleRate),
    peak: truePeakMeter(),
  }))
  const steps: number[] = []
  let inStep = 0
  let energy = 0

  return {
    add(channels) {
      const length = channels[0]?.length ?? 0
      for (const [index, voice] of voices.entries())
        voice.peak.add(channels[index] ?? new Float32Array(length))
      for (let from = 0; from < length; ) {
        const to = Math.min(length, from + stepFrames - inStep)
        for (const [index, voice] of voices.entries()) {
          const samples = channels[index]
          if (samples !== undefined) energy += voice.weight * voice.filter(samples, from, to)
        }
        inStep += to - from
        from = to
        if (inStep < stepFrames) continue
        steps.push(energy / stepFrames)
        energy = 0
        inStep = 0
      }
    },
    finish() {
      const peaks = voices.map((voice) => voice.peak.peaks)
      return {
        integratedLufs: integrated(blocksOf(steps)),
        truePeakDb: decibels(Math.max(0, ...peaks.map((peak) => peak.between))),
        samplePeakDb: decibels(Math.max(0, ...peaks.map((peak) => peak.sample))),
      }
    },
  }
}

/** The loudness of a decoded sound. */
export function loudness(audio: Audio): Loudness {
  const meter = loudnessMeter(audio.sampleRate, audio.channels.length)
  meter.add(audio.channels)
  return meter.finish()
}

/** One step of the filter over a stretch of samples; gives the sum of the squares of what comes out. */
type Filter = (samples: Float32Array, from: number, to: number) => number

/**
 * The K-weighting: a shelf for the head and a high pass, each a biquad.
 *
 * The standard prints coefficients for 48 kHz only; these are its analogue prototypes, transformed for any rate.
 */
function kWeighting(sampleRate: number): Filter {
  const { shelf, pass } = kCoefficients(sampleRate)
  let [x1, x2, y1, y2, z1, z2] = [0, 0, 0, 0, 0, 0]
  return (samples, from, to) => {
    let sum = 0
    for (let i = from; i < to; i += 1) {
      const x = samples[i] ?? 0
      const y = shelf.b0 * x + shelf.b1 * x1 + shelf.b2 * x2 - shelf.a1 * y1 - shelf.a2 * y2
      const z = y - 2 * y1 + y2 - pass.a1 * z1 - pass.a2 * z2
      x2 = x1
      x1 = x
      y2 = y1
      y1 = y
      z2 = z1
      z1 = z
      sum += z * z
    }
    return sum
  }
}

/** The two biquads of the K-weighting at a sample rate; the high pass has the numerator 1, -2, 1. */
export function kCoefficients(sampleRate: number): {
  readonly shelf: Readonly<Record<'b0' | 'b1' | 'b2' | 'a1' | 'a2', number>>
  readonly pass: Readonly<Record<'a1' | 'a2', number>>
} {
  const k = Math.tan((Math.PI * 1681.974450955533) / sampleRate)
  const q = 0.7071752369554196
  const high = 10 ** (3.999843853973347 / 20)
  const band = high ** 0.4996667741545416
  const a0 = 1 + k / q + k * k
  const shelf = {
    b0: (high + (band * k) / q + k * k) / a0,
    b1: (2 * (k * k - high)) / a0,
    b2: (high - (band * k) / q + k * k) / a0,
    a1: (2 * (k * k - 1)) / a0,
    a2: (1 - k / q + k * k) / a0,
  }
  const low = Math.tan((Math.PI * 38.13547087602444) / sampleRate)
  const lowQ = 0.5003270373238773
  const low0 = 1 + low / lowQ + low * low
  return { shelf, pass: { a1: (2 * (low * low - 1)) / low0, a2: (1 - low / lowQ + low * low) / low0 } }
}

function blocksOf(steps: readonly number[]): readonly number[] {
  const blocks: number[] = []
  for (let end = STEPS_PER_BLOCK; end <= steps.length; end += 1) {
    blocks.push(mean(steps.slice(end - STEPS_PER_BLOCK, end)))
  }
  return blocks
}

function integrated(blocks: readonly number[]): number | null {
  const audible = blocks.filter((energy) => lufs(energy) > ABSOLUTE_GATE)
  if (audible.length === 0) return null
  const gate = lufs(mean(audible)) + RELATIVE_GATE
  return lufs(mean(audible.filter((energy) => lufs(energy) > gate)))
}

const lufs = (energy: number): number => OFFSET + 10 * Math.log10(energy)
const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length
const decibels = (amplitude: number): number | null => (amplitude === 0 ? null : 20 * Math.log10(amplitude))
