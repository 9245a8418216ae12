import { join } from 'node:path'

/** The folder of small encoded files: two sines, 440 Hz left and 660 Hz right, made with lame, flac, oggenc, … */
export const FIXTURES = join(import.meta.dirname, 'fixtures')

export const fixture = (name: string): string => join(FIXTURES, name)

/** A sine of `db` dBFS. */
export function sine(
  db: number,
  seconds: number,
  { frequency = 1000, sampleRate = 48_000, phase = 0 } = {},
): Float32Array {
  const amplitude = 10 ** (db / 20)
  return Float32Array.from(
    { length: Math.round(seconds * sampleRate) },
    (_, i) => amplitude * Math.sin((2 * Math.PI * frequency * i) / sampleRate + phase),
  )
}

export function inARow(...parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]))
}
