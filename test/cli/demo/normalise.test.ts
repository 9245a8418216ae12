import { describe, expect, test } from 'vitest'
import { loudness } from '../../../src/cli/demo/loudness.ts'
import { amplified, gainOf, toStereo } from '../../../src/cli/demo/normalise.ts'
import { sine } from './sounds.ts'

const measured = (channels: readonly Float32Array[]) => loudness({ sampleRate: 48_000, channels, seconds: 5 })

describe('gainOf', () => {
  test.each([
    ['a loud sound', -3],
    ['a quiet one', -18],
  ])('brings %s to -14 LUFS', (_, db) => {
    const sound = [sine(db, 5), sine(db, 5)]
    const louder = amplified(sound, gainOf(measured(sound)))
    expect(measured(louder).integratedLufs).toBeCloseTo(-14, 1)
  })

  test('stops where the wave would become higher than -1 dBTP', () => {
    const sound = [sine(-30, 5)]
    sound[0]?.set(sine(-2, 0.02), 48_000)
    const louder = measured(amplified(sound, gainOf(measured(sound))))
    expect(louder.truePeakDb).toBeCloseTo(-1, 2)
    expect(louder.integratedLufs).toBeLessThan(-20)
  })

  test('leaves silence alone', () => {
    expect(gainOf(measured([new Float32Array(48_000)]))).toBe(0)
  })
})

describe('toStereo', () => {
  test('hears mono twice and leaves stereo as it is', () => {
    const [one, two] = [sine(0, 0.1), sine(-6, 0.1)]
    expect(toStereo([one])).toEqual([one, one])
    expect(toStereo([one, two])).toEqual([one, two])
  })

  test('mixes surround down without its low-frequency channel', () => {
    const of = (value: number) => Float32Array.of(value)
    // L R C LFE Ls Rs
    const [left, right] = toStereo([of(1), of(0), of(0.5), of(1), of(0), of(1)])
    expect(left[0]).toBeCloseTo((1 + 0.5 * Math.SQRT1_2) / (1 + Math.SQRT2), 5)
    expect(right[0]).toBeCloseTo((0.5 * Math.SQRT1_2 + Math.SQRT1_2) / (1 + Math.SQRT2), 5)
  })
})
