/** Sound that is being made, at `SAMPLE_RATE`. */
export interface Stereo {
  readonly left: Float32Array
  readonly right: Float32Array
}

/** Where and how a voice sounds. */
export interface Note {
  /** Start, in seconds. */
  readonly at: number
  readonly seconds: number
  /** Amplitude, 0 … 1. */
  readonly gain: number
  /** -1 left … 1 right. */
  readonly pan?: number
}

/** A sound as a function of the seconds since its start. */
export type Voice = (seconds: number) => number

export const SAMPLE_RATE = 44_100

const TURN = 2 * Math.PI

/** An empty recording. */
export function silence(seconds: number): Stereo {
  const frames = Math.round(seconds * SAMPLE_RATE)
  return { left: new Float32Array(frames), right: new Float32Array(frames) }
}

/** Adds one note; its last 20 ms fade, so that it never ends with a click. */
export function play(out: Stereo, note: Note, voice: Voice): void {
  const first = Math.round(note.at * SAMPLE_RATE)
  const last = Math.min(out.left.length, first + Math.round(note.seconds * SAMPLE_RATE))
  const angle = (((note.pan ?? 0) + 1) * Math.PI) / 4
  const [left, right] = [note.gain * Math.cos(angle), note.gain * Math.sin(angle)]
  const fadeFrames = 0.02 * SAMPLE_RATE
  for (let i = first; i < last; i += 1) {
    const sample = voice((i - first) / SAMPLE_RATE) * Math.min(1, (last - i) / fadeFrames)
    out.left[i] = (out.left[i] ?? 0) + left * sample
    out.right[i] = (out.right[i] ?? 0) + right * sample
  }
}

/** The frequency of a MIDI note number: 69 is 440 Hz. */
export const pitch = (note: number): number => 440 * 2 ** ((note - 69) / 12)

/** A struck bell: one sine bends another, and both fade. */
export function bell(frequency: number): Voice {
  return (t) =>
    Math.sin(TURN * frequency * t + 2 * Math.exp(-4 * t) * Math.sin(TURN * 3.5 * frequency * t)) *
    Math.exp(-2.2 * t)
}

/** A soft chord tone that swells and sinks over `seconds`, two voices slightly apart. */
export function pad(frequency: number, seconds: number): Voice {
  return (t) => {
    const swell = Math.sin((Math.PI * t) / seconds) ** 2
    let sum = 0
    for (const detune of [0.998, 1.002]) {
      const phase = TURN * frequency * detune * t
      sum += Math.sin(phase) + Math.sin(2 * phase) / 3
    }
    return (swell * sum) / 2
  }
}

/** A plucked string after Karplus and Strong: a burst of noise in a loop that loses its edge. */
export function pluck(frequency: number, random: () => number): Voice {
  const loop = Float32Array.from({ length: Math.round(SAMPLE_RATE / frequency) }, () => random() * 2 - 1)
  let at = 0
  return () => {
    const next = (at + 1) % loop.length
    const sample = loop[at] ?? 0
    loop[at] = 0.498 * (sample + (loop[next] ?? 0))
    at = next
    return sample
  }
}

/** A soft drum: a sine that falls from 150 to 45 Hz. */
export function drum(): Voice {
  return (t) => Math.sin(TURN * (45 * t + 4.2 * (1 - Math.exp(-25 * t)))) * Math.exp(-7 * t)
}

/** A short hiss. */
export function shaker(random: () => number): Voice {
  let before = 0
  return (t) => {
    const noise = random() * 2 - 1
    const high = noise - before
    before = noise
    return high * Math.exp(-45 * t)
  }
}

/** Steady rain: noise without its treble, swelling slowly. */
export function rain(random: () => number): Voice {
  let low = 0
  return (t) => {
    low += 0.15 * (random() * 2 - 1 - low)
    return low * (0.7 + 0.3 * Math.sin(TURN * 0.13 * t))
  }
}

/** Adds echoes that change sides. */
export function echo(out: Stereo, delaySeconds: number, feedback: number): void {
  const delay = Math.round(delaySeconds * SAMPLE_RATE)
  for (let i = delay; i < out.left.length; i += 1) {
    const [left, right] = [out.left[i - delay] ?? 0, out.right[i - delay] ?? 0]
    out.left[i] = (out.left[i] ?? 0) + feedback * right
    out.right[i] = (out.right[i] ?? 0) + feedback * left
  }
}

/** Brings the highest sample to `peakDb` dBFS, with 50 ms of fade at the start and a second at the end. */
export function master(out: Stereo, peakDb: number): void {
  let highest = 0
  for (const samples of [out.left, out.right]) {
    for (const sample of samples) highest = Math.max(highest, Math.abs(sample))
  }
  const gain = highest === 0 ? 0 : 10 ** (peakDb / 20) / highest
  const length = out.left.length
  for (const samples of [out.left, out.right]) {
    for (let i = 0; i < length; i += 1) {
      const fade = Math.min(1, i / (0.05 * SAMPLE_RATE), (length - i) / SAMPLE_RATE)
      samples[i] = (samples[i] ?? 0) * gain * fade
    }
  }
}

/** Numbers 0 … 1 that are the same in every run (a linear congruential generator, enough for noise). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
