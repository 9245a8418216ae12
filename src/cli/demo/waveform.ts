import type { Audio } from './decode.ts'

/** A picture of a sound: the highest absolute sample of each column, 0 … 1, over all channels. */
export interface Waveform {
  readonly seconds: number
  readonly peaks: readonly number[]
}

/** Takes the samples of a file in order, keeps only peaks. */
export interface WaveformMeter {
  add(channels: readonly Float32Array[]): void
  finish(): Waveform
}

const BLOCK_FRAMES = 128
const BARS = '▁▂▃▄▅▆▇█'

/**
 * Starts a waveform that is fed piece by piece; its length need not be known before the end.
 *
 * @param columns - integer ≥ 1; a sound shorter than so many blocks of 128 frames gives as many columns all the same
 */
export function waveformMeter(sampleRate: number, columns: number): WaveformMeter {
  const blocks: number[] = []
  let peak = 0
  let inBlock = 0
  let frames = 0
  return {
    add(channels) {
      const length = channels[0]?.length ?? 0
      for (let i = 0; i < length; i += 1) {
        for (const samples of channels) peak = Math.max(peak, Math.abs(samples[i] ?? 0))
        inBlock += 1
        if (inBlock < BLOCK_FRAMES) continue
        blocks.push(peak)
        peak = 0
        inBlock = 0
      }
      frames += length
    },
    finish() {
      if (inBlock > 0) blocks.push(peak)
      return { seconds: frames / sampleRate, peaks: inColumns(blocks, columns) }
    },
  }
}

/** The waveform of a decoded sound. */
export function waveform(audio: Audio, columns = 200): Waveform {
  const meter = waveformMeter(audio.sampleRate, columns)
  meter.add(audio.channels)
  return meter.finish()
}

/** Draws peaks as one line of `width` block characters; silence is the lowest. */
export function sparkline(peaks: readonly number[], width: number): string {
  return inColumns(peaks, width)
    .map((peak) => BARS[Math.min(BARS.length - 1, Math.floor(peak * BARS.length))])
    .join('')
}

function inColumns(blocks: readonly number[], columns: number): readonly number[] {
  if (blocks.length === 0) return Array.from({ length: columns }, () => 0)
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * blocks.length) / columns)
    const to = Math.max(from + 1, Math.floor(((column + 1) * blocks.length) / columns))
    const peak = blocks.slice(from, to).reduce((highest, one) => Math.max(highest, one), 0)
    return Math.round(Math.min(1, peak) * 1000) / 1000
  })
}
