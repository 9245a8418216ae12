import type { WriteStream } from 'node:tty'
import type { Watcher } from './follow.ts'
import type { Paper } from './report.ts'
import { openScreen } from './screen.ts'
import { PARTS, type Track } from './track.ts'
import { drawRows, styled } from './view.ts'

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

/** A live table on a terminal, plain lines elsewhere. */
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
    void out.write(lines.map((line) => `${line}\n`).join(''))
  return {
    paper: paperOf(out),
    print,
    begin: () => undefined,
    retried: (track, part, reason) => print(`↻ ${track.name}: ${part} will be tried again: ${reason}`),
    finished: (track) => {
      const failed = track.failures.map(({ part }) => part)
      if (failed.length === 0) print(`✓ ${track.name}: ${PARTS.join(', ')}`)
      else print(`✗ ${track.name}: ${failed.join(' and ')} failed`)
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
    finished: () => undefined,
    end: () => end(),
  }
}

function frame(tracks: readonly Track[], elapsedMs: number, out: Out): readonly string[] {
  const paper = paperOf(out)
  const cells = tracks.flatMap((track) => PARTS.map((part) => track.cells[part].state))
  const open = cells.filter((state) => state === 'waiting' || state === 'running' || state === 'retrying')
  const rows = tracks.map((track) => ({
    name: track.name,
    cells: PARTS.map((part) => track.cells[part]),
    note: track.note,
  }))
  // Three lines of the height are kept: an empty one, the status, and the one the cursor is on.
  const room = { ...paper, rows: Math.max(2, (out.rows ?? 24) - 3) }
  const status = `${cells.length - open.length} of ${cells.length} parts · ${(elapsedMs / 1_000).toFixed(1)} s`
  const hint = open.length === 0 ? '' : ' · Ctrl-C stops'
  return ['', ...drawRows(PARTS, rows, room), styled(`${status}${hint}`, 'dim', paper)]
}
