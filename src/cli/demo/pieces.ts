import {
  bell,
  drum,
  echo,
  master,
  pad,
  pitch,
  play,
  pluck,
  rain,
  type Stereo,
  seeded,
  shaker,
  silence,
} from './synth.ts'

/** One of the short pieces that the demo plays with when it is given no folder. */
export interface Piece {
  readonly title: string
  readonly compose: () => Stereo
  /** For its cover: background, foreground. */
  readonly colours: readonly [string, string]
}

const PENTATONIC = [0, 2, 4, 7, 9] as const

/** The note `step` of a five-note scale on `root`; steps go on into the octaves above. */
const scale = (root: number, step: number): number =>
  root + 12 * Math.floor(step / 5) + (PENTATONIC[step % 5] ?? 0)

export const GLASS_GARDEN: Piece = {
  title: 'Glass Garden',
  colours: ['#0f3d3e', '#9be7c4'],
  compose() {
    const out = silence(12)
    const melody = [0, 2, 4, 7, 5, 3, 8, 6, 4, 9, 7, 5, 2, 4, 6, 3, 1, 5, 0, 7]
    for (const [index, step] of melody.entries()) {
      const at = index * 0.5 + (index % 4 === 3 ? 0.12 : 0)
      play(out, { at, seconds: 3, gain: 0.5, pan: Math.sin(index) * 0.7 }, bell(pitch(scale(64, step))))
      if (index % 4 === 0) play(out, { at, seconds: 4, gain: 0.5 }, bell(pitch(scale(40, step % 5))))
    }
    echo(out, 0.375, 0.4)
    master(out, -3)
    return out
  },
}

export const SLOW_TIDE: Piece = {
  title: 'Slow Tide',
  colours: ['#14213d', '#7fb7ff'],
  compose() {
    const out = silence(16)
    const chords = [
      [41, 57, 60, 64],
      [45, 55, 60, 64],
      [48, 55, 59, 64],
      [43, 55, 59, 62],
    ]
    for (const [index, chord] of chords.entries()) {
      for (const [voice, note] of chord.entries()) {
        const pan = (voice - 1.5) * 0.5
        play(out, { at: index * 3.5, seconds: 5.5, gain: 0.3, pan }, pad(pitch(note), 5.5))
      }
    }
    echo(out, 0.61, 0.3)
    master(out, -9)
    return out
  },
}

export const NIGHT_TRAIN: Piece = {
  title: 'Night Train',
  colours: ['#3a0f2b', '#ffb35c'],
  compose() {
    const out = silence(14)
    const random = seeded(7)
    const beat = 0.42
    const bass = [33, 33, 36, 40, 31, 31, 38, 36]
    for (let index = 0; index * beat < 12.5; index += 1) {
      const at = index * beat
      const note = bass[Math.floor(index / 2) % bass.length] ?? 33
      if (index % 2 === 0) play(out, { at, seconds: 0.6, gain: 0.9 }, drum())
      play(out, { at, seconds: 0.8, gain: 0.35, pan: -0.2 }, pluck(pitch(note), random))
      play(out, { at: at + beat / 2, seconds: 0.15, gain: 0.12, pan: 0.5 }, shaker(random))
      const step = (index * 3) % 10
      if (index % 4 !== 1)
        play(out, { at, seconds: 1.6, gain: 0.3, pan: 0.4 }, pluck(pitch(scale(57, step)), random))
    }
    echo(out, beat * 0.75, 0.25)
    master(out, -1)
    return out
  },
}

export const TIN_ROOF: Piece = {
  title: 'tin-roof',
  colours: ['#22262b', '#cfd8dc'],
  compose() {
    const out = silence(10)
    const random = seeded(3)
    play(out, { at: 0, seconds: 10, gain: 0.35, pan: -0.3 }, rain(random))
    play(out, { at: 0, seconds: 10, gain: 0.35, pan: 0.3 }, rain(random))
    for (let at = 0.6; at < 8.5; at += 0.25 + random() * 0.5) {
      const note = scale(60, Math.floor(random() * 10))
      play(
        out,
        { at, seconds: 1.5, gain: 0.25 + random() * 0.2, pan: random() * 2 - 1 },
        pluck(pitch(note), random),
      )
    }
    echo(out, 0.29, 0.35)
    master(out, -6)
    return out
  },
}
