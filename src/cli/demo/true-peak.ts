/** The interpolator of ITU-R BS.1770-5, annex 2: four phases of twelve taps. */
const PHASES: readonly Float64Array[] = [
  [
    0.001708984375, 0.010986328125, -0.0196533203125, 0.033203125, -0.0594482421875, 0.1373291015625,
    0.97216796875, -0.102294921875, 0.047607421875, -0.026611328125, 0.014892578125, -0.00830078125,
  ],
  [
    -0.0291748046875, 0.029296875, -0.0517578125, 0.089111328125, -0.16650390625, 0.465087890625,
    0.77978515625, -0.2003173828125, 0.1015625, -0.0582275390625, 0.0330810546875, -0.0189208984375,
  ],
  [
    -0.0189208984375, 0.0330810546875, -0.0582275390625, 0.1015625, -0.2003173828125, 0.77978515625,
    0.465087890625, -0.16650390625, 0.089111328125, -0.0517578125, 0.029296875, -0.0291748046875,
  ],
  [
    -0.00830078125, 0.014892578125, -0.026611328125, 0.047607421875, -0.102294921875, 0.97216796875,
    0.1373291015625, -0.0594482421875, 0.033203125, -0.0196533203125, 0.010986328125, 0.001708984375,
  ],
].map((taps) => Float64Array.from(taps))

const TAPS = 12
const STRIDE = 64
/** No phase can turn samples of at most x into more than x times the sum of its taps. */
const GAIN = Math.max(...PHASES.map((taps) => taps.reduce((sum, tap) => sum + Math.abs(tap), 0)))

/** Follows one channel; a sound may be higher between two samples than at any of them. */
export interface TruePeakMeter {
  add(samples: Float32Array): void
  /** The highest sample and the highest point between samples so far, as amplitudes. */
  readonly peaks: { readonly sample: number; readonly between: number }
}

/**
 * Starts the true-peak meter of one channel: four times oversampled, as the standard asks up to 48 kHz; at higher
 * rates it stays at four times and is only more exact.
 *
 * @see https://www.itu.int/rec/R-REC-BS.1770
 */
export function truePeakMeter(): TruePeakMeter {
  let tail = new Float32Array(TAPS - 1)
  let sample = 0
  let between = 0
  return {
    add(samples) {
      const joined = new Float32Array(tail.length + samples.length)
      joined.set(tail)
      joined.set(samples, tail.length)
      tail = joined.slice(joined.length - (TAPS - 1))
      for (let start = 0; start + TAPS <= joined.length; start += STRIDE) {
        const end = Math.min(start + STRIDE, joined.length - TAPS + 1)
        const highest = highestOf(joined, start, end + TAPS - 1)
        sample = Math.max(sample, highest)
        // Most of a song is far below its peak and need not be interpolated at all.
        if (highest * GAIN > between) between = Math.max(between, interpolated(joined, start, end))
      }
    },
    get peaks() {
      return { sample, between: Math.max(sample, between) }
    },
  }
}

function highestOf(samples: Float32Array, from: number, to: number): number {
  let highest = 0
  for (let i = from; i < to; i += 1) highest = Math.max(highest, Math.abs(samples[i] ?? 0))
  return highest
}

function interpolated(samples: Float32Array, from: number, to: number): number {
  let highest = 0
  for (const taps of PHASES) {
    for (let i = from; i < to; i += 1) {
      let sum = 0
      for (let tap = 0; tap < TAPS; tap += 1) sum += (taps[tap] ?? 0) * (samples[i + tap] ?? 0)
      highest = Math.max(highest, Math.abs(sum))
    }
  }
  return highest
}
