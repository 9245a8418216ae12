import { describe, expect, test } from 'vitest'
import { sparkline, waveform, waveformMeter } from '../../../src/cli/demo/waveform.ts'
import { inARow, sine } from './sounds.ts'

const sound = (samples: Float32Array) => ({ sampleRate: 48_000, channels: [samples], seconds: 0 })

describe('waveform', () => {
  test('gives the peak of each column', () => {
    const samples = inARow(sine(0, 1), new Float32Array(48_000), sine(-6, 1), sine(-20, 1))
    expect(waveform(sound(samples), 4)).toEqual({ seconds: 4, peaks: [1, 0, 0.501, 0.1] })
  })

  test('takes the louder channel', () => {
    const channels = [new Float32Array(4800), sine(-20, 0.1)]
    expect(waveform({ sampleRate: 48_000, channels, seconds: 0.1 }, 1).peaks).toEqual([0.1])
  })

  test('fills its columns however short the sound is', () => {
    expect(waveform(sound(Float32Array.of(0.5)), 3).peaks).toEqual([0.5, 0.5, 0.5])
    expect(waveform(sound(new Float32Array()), 3).peaks).toEqual([0, 0, 0])
  })

  test('does not depend on how the sound is cut into pieces', () => {
    const samples = inARow(sine(-3, 1), sine(-12, 1))
    const meter = waveformMeter(48_000, 50)
    for (let from = 0; from < samples.length; from += 777) meter.add([samples.subarray(from, from + 777)])
    expect(meter.finish()).toEqual(waveform(sound(samples), 50))
  })
})

describe('sparkline', () => {
  test('draws peaks from silence to full scale', () => {
    expect(sparkline([0, 0.2, 0.4, 0.6, 0.8, 1], 6)).toBe('▁▂▄▅▇█')
    expect(sparkline([], 3)).toBe('▁▁▁')
  })
})
