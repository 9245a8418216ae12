import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { textWidth } from './text-width.ts'

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_BELOW = '\x1b[J'

/** The part of a terminal that is drawn again and again, below lines that stay. */
export interface Screen {
  /** Replaces the live lines. */
  draw(lines: readonly string[]): void
  /** Writes lines that stay, above the live ones. */
  print(...lines: readonly string[]): void
  /** Leaves the live lines as they are and gives the cursor back; more calls do nothing. */
  close(): void
}

/**
 * Opens the live part at the cursor.
 *
 * A terminal that becomes narrower breaks the lines it shows, so what is wiped is counted with its present width.
 */
export function openScreen(stream: Pick<WriteStream, 'write' | 'columns'>): Screen {
  let live: readonly string[] = []
  let open = true
  stream.write(HIDE_CURSOR)
  const wipe = (): string => {
    const height = live.reduce((sum, line) => sum + physicalLines(line, stream.columns), 0)
    return height === 0 ? '' : `\x1b[${height}A\r${CLEAR_BELOW}`
  }
  const put = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
  return {
    draw(lines) {
      if (!open) return
      stream.write(wipe() + put(lines))
      live = lines
    },
    print(...lines) {
      if (!open) return
      stream.write(wipe() + put(lines) + put(live))
    },
    close() {
      if (!open) return
      open = false
      stream.write(SHOW_CURSOR)
    },
  }
}

function physicalLines(line: string, columns: number): number {
  return Math.max(1, Math.ceil(textWidth(stripVTControlCharacters(line)) / Math.max(1, columns)))
}
