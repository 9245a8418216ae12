import type { PartResults } from './app.ts'
import type { Cell } from './view.ts'

/** A part of the work on a file, and its column on the screen. */
export type Part = keyof PartResults

export const PARTS: readonly Part[] = ['tags', 'waveform', 'loudness', 'artwork']

/** What is known of the work on one file. */
export interface Track {
  readonly path: string
  /** Name of the file. */
  readonly name: string
  readonly cells: Record<Part, Cell>
  readonly results: { -readonly [Each in Part]?: PartResults[Each] }
  readonly failures: { readonly part: Part | 'track'; readonly error: Error }[]
  /** Such as the reason of the latest retry; empty when there is nothing to say. */
  note: string
}

export function newTrack(path: string, name: string): Track {
  const waiting: Cell = { state: 'waiting' }
  return {
    path,
    name,
    cells: { tags: waiting, waveform: waiting, loudness: waiting, artwork: waiting },
    results: {},
    failures: [],
    note: '',
  }
}
