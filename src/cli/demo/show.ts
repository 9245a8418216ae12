import type { WriteStream } from 'node:tty'
import type { Watcher } from './follow.ts'
import type { Paper } from './report.ts'
import { openScreen } from './screen.ts'
import { printable } from './text-width.ts'
import { isSettled, standingOf, type Track } from './track.ts'
import { drawTracks, labelOf, lookOf, styled } from './view.ts'

/** Where the demo writes; a terminal says so by `isTTY`. */
export type Out = Pick<WriteStream, 'write'> &
  Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows' | 'hasColors'>>

/** The demo's mouth. */
export interface Show extends Watcher {
  readonly paper: Paper
  /** Writes lines that stay. */
  print(...lines: readonly string[]): void
  /** From here on there are tracks to look at. */
  begin(tracks: readonly Track[]): void
  /** The tracks are done, or given up; the terminal is as it was. */
  end(): void
}

const FRAME_MS = 80
const PLAIN_COLUMNS = 100

/** Live trees on a terminal, plain lines elsewhere. */
export function openShow(out: Out, environment: NodeJS.ProcessEnv = process.env): Show {
  const live = out.isTTY === true && environment.TERM !== 'dumb'
  return live ? liveShow(out) : plainShow(out)
}

function paperOf(out: Out): Paper {
  return {
    columns: out.columns ?? PLAIN_COLUMNS,
    colour: out.isTTY === true && out.hasColors?.() === true,
  }
}

function plainShow(out: Out): Show {
  const print = (...lines: readonly string[]): void =>
    void out.write(lines.map((line) => `${printable(line)}\n`).join(''))
  return {
    paper: paperOf(out),
    print: (...lines) => void out.write(lines.map((line) => `${line}\n`).join('')),
    begin: () => undefined,
    retried: (track, name, attempt, reason) =>
      print(`↻ ${track.upload.track}: ${labelOf(name)}, attempt ${attempt}: ${reason}`),
    settled: (track, name, steps) => {
      const failed = steps.find((step) => lookOf(step) === 'failed')
      if (failed !== undefined) print(`✗ ${track.upload.track}: ${name}: ${failed.error ?? 'it failed'}`)
      else if (steps.every((step) => lookOf(step) === 'skipped'))
        print(`⊘ ${track.upload.track}: ${labelOf(name)}`)
      else print(`✓ ${track.upload.track}: ${labelOf(name)}`)
    },
    end: () => undefined,
  }
}

function liveShow(out: Out): Show {
  const stream = { write: out.write.bind(out), columns: 0 }
  Object.defineProperty(stream, 'columns', { get: () => out.columns ?? PLAIN_COLUMNS })
  const print = (...lines: readonly string[]): void =>
    void out.write(lines.map((line) => `${line}\n`).join(''))
  let end = (): void => undefined
  return {
    paper: paperOf(out),
    print,
    begin(tracks) {
      const screen = openScreen(stream)
      const begunAt = performance.now()
      const draw = (): void => screen.draw(frame(tracks, performance.now() - begunAt, out))
      draw()
      const timer = setInterval(draw, FRAME_MS)
      end = () => {
        clearInterval(timer)
        draw()
        screen.close()
        end = () => undefined
      }
    },
    retried: () => undefined,
    settled: () => undefined,
    end: () => end(),
  }
}

function frame(tracks: readonly Track[], elapsedMs: number, out: Out): readonly string[] {
  const paper = paperOf(out)
  const steps = tracks.flatMap((track) => track.steps)
  const settled = steps.filter(isSettled).length
  const over = tracks.filter((track) => !['waiting', 'running'].includes(standingOf(track)))
  // Three lines of the height are kept: an empty one, the status, and the one the cursor is on.
  const room = { ...paper, rows: Math.max(2, (out.rows ?? 24) - 3) }
  const status = [
    `${over.length} of ${tracks.length} ${tracks.length === 1 ? 'upload' : 'uploads'}`,
    `${settled} of ${steps.length} jobs`,
    `${(elapsedMs / 1_000).toFixed(1)} s`,
    ...(over.length === tracks.length ? [] : ['Ctrl-C stops']),
  ]
  return ['', ...drawTracks(tracks, room), styled(status.join(' · '), 'dim', paper)]
}
