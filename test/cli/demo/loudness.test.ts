import { describe, expect, test } from 'vitest'
import { decode } from '../../../src/cli/demo/decode.ts'
import { kCoefficients, loudness, loudnessMeter } from '../../../src/cli/demo/loudness.ts'
import { fixture, inARow, sine } from './sounds.ts'

const stereo = (samples: Float32Array, sampleRate = 48_000) =>
  loudness({ sampleRate, channels: [samples, samples], seconds: samples.length / sampleRate })

describe('loudness', () => {
  // EBU Tech 3341, table 1: each asks for -23.0 (or -33.0) ±0.1 LUFS.
  test.each([
    ['1: a sine of -23 dBFS', [[-23, 20]], -23],
    ['2: a sine of -33 dBFS', [[-33, 20]], -33],
    [
      '3: quiet parts under the relative gate',
      [
        [-36, 10],
        [-23, 60],
        [-36, 10],
      ],
      -23,
    ],
    [
      '4: silence under the absolute gate',
      [
        [-72, 10],
        [-36, 10],
        [-23, 60],
        [-36, 10],
        [-72, 10],
      ],
      -23,
    ],
    [
      '5: parts between the gates',
      [
        [-26, 20],
        [-20, 20.1],
        [-26, 20],
      ],
      -23,
    ],
  ] as const)('measures EBU test signal %s', (_, parts, expected) => {
    const { integratedLufs } = stereo(inARow(...parts.map(([db, seconds]) => sine(db, seconds))))
    expect(integratedLufs).toBeGreaterThan(expected - 0.1)
    expect(integratedLufs).toBeLessThan(expected + 0.1)
  })

  test('measures EBU test signal 6: five channels by their weights', () => {
    const levels = [-28, -28, -24, -30, -30]
    const channels = levels.map((db) => sine(db, 20))
    expect(loudness({ sampleRate: 48_000, channels, seconds: 20 }).integratedLufs).toBeCloseTo(-23, 1)
  })

  test('leaves the low-frequency channel of six out', () => {
    const quiet = sine(-120, 5)
    const channels = [quiet, quiet, quiet, sine(-3, 5), quiet, quiet]
    expect(loudness({ sampleRate: 48_000, channels, seconds: 5 }).integratedLufs).toBeNull()
  })

  test.each([8000, 22_050, 44_100, 96_000, 192_000])('agrees on 997 Hz at %i Hz', (sampleRate) => {
    const { integratedLufs } = stereo(sine(-20, 5, { frequency: 997, sampleRate }), sampleRate)
    expect(integratedLufs).toBeCloseTo(-20, 1)
  })

  test('has no level for silence and none for less than a block', () => {
    expect(stereo(new Float32Array(48_000))).toEqual({
      integratedLufs: null,
      truePeakDb: null,
      samplePeakDb: null,
    })
    expect(stereo(sine(-20, 0.39)).integratedLufs).toBeNull()
  })

  test('does not depend on how the sound is cut into pieces', () => {
    const whole = inARow(sine(-20, 3), sine(-30, 2, { frequency: 77 }))
    const meter = loudnessMeter(48_000, 1)
    for (let from = 0, size = 1; from < whole.length; from += size, size = (size * 7 + 3) % 20_011) {
      meter.add([whole.subarray(from, from + size)])
    }
    const pieces = meter.finish()
    const atOnce = loudness({ sampleRate: 48_000, channels: [whole], seconds: 5 })
    expect(pieces.integratedLufs).toBeCloseTo(atOnce.integratedLufs ?? 0, 9)
    expect(pieces.truePeakDb).toBe(atOnce.truePeakDb)
  })

  // EBU Tech 3341, signals 15 to 19: +0.2 / -0.4 dB.
  test.each([
    ['15', 4, 0, -6, -6],
    ['16', 4, 45, -6, -6],
    ['17', 6, 60, -6, -6],
    ['18', 8, 67.5, -6, -6],
    ['19', 4, 45, 3, 3],
  ])('finds the true peak of EBU test signal %s', (_, divisor, degrees, db, expected) => {
    const tone = sine(db, 1, { frequency: 48_000 / divisor, phase: (degrees * Math.PI) / 180 })
    // A tone that begins at once is a step, and a step overshoots between samples.
    for (let i = 0; i < 4800; i += 1) tone[i] = ((tone[i] ?? 0) * i) / 4800
    const { truePeakDb } = stereo(tone)
    expect(truePeakDb).toBeGreaterThan(expected - 0.4)
    expect(truePeakDb).toBeLessThan(expected + 0.2)
  })

  test('tells the highest sample from the true peak', () => {
    const tone = sine(-6, 1, { frequency: 12_000, phase: Math.PI / 4 })
    expect(stereo(tone).samplePeakDb).toBeCloseTo(-9.01, 2)
    expect(stereo(tone).truePeakDb).toBeCloseTo(-6, 0)
  })

  // What ffmpeg's ebur128 filter and astats say about the same files.
  test.each([
    ['two-tones.mp3', -25.1, -24.37],
    ['two-tones.flac', -24.7, -24.08],
    ['two-tones.ogg', -24.7, -23.46],
    ['two-tones.opus', -24.7, -23.52],
    ['two-tones.wav', -24.6, -24.08],
  ])('agrees with ffmpeg on %s', async (file, lufs, peak) => {
    const { integratedLufs, samplePeakDb } = loudness(await decode(fixture(file)))
    expect(integratedLufs).toBeCloseTo(lufs, 0.9)
    expect(samplePeakDb).toBeCloseTo(peak, 1)
  })
})

describe('kCoefficients', () => {
  test('gives the numbers that the standard prints for 48 kHz', () => {
    const { shelf, pass } = kCoefficients(48_000)
    expect(shelf.b0).toBeCloseTo(1.53512485958697, 9)
    expect(shelf.b1).toBeCloseTo(-2.69169618940638, 9)
    expect(shelf.b2).toBeCloseTo(1.19839281085285, 9)
    expect(shelf.a1).toBeCloseTo(-1.69065929318241, 9)
    expect(shelf.a2).toBeCloseTo(0.73248077421585, 9)
    expect(pass.a1).toBeCloseTo(-1.99004745483398, 9)
    expect(pass.a2).toBeCloseTo(0.99007225036621, 9)
  })
})
