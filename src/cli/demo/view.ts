import { styleText } from 'node:util'
import { fitWidth, printable, textWidth } from './text-width.ts'

/** One job on the screen. */
export interface Cell {
  readonly state: 'none' | 'waiting' | 'running' | 'retrying' | 'succeeded' | 'failed' | 'cancelled'
  /** Part of the work that is done, 0 … 1; shown while it runs. */
  readonly done?: number
}

/** One file on the screen, a cell for each column. */
export interface Row {
  readonly name: string
  readonly cells: readonly Cell[]
  /** What is worth a word just now, such as a retry's reason; empty when nothing is. */
  readonly note: string
}

/** How much room there is. */
export interface Room {
  readonly columns: number
  readonly rows: number
  readonly colour: boolean
}

type Style = Parameters<typeof styleText>[0]

const BAR_WIDTH = 6
const NAME_WIDTH = 24
const LOOK: Readonly<Record<Cell['state'], readonly [mark: string, style: Style]>> = {
  none: ['–', 'dim'],
  waiting: ['·', 'dim'],
  running: ['▶', 'cyan'],
  retrying: ['↻', 'yellow'],
  succeeded: ['✓', 'green'],
  failed: ['✗', 'red'],
  cancelled: ['⊘', 'dim'],
}

/**
 * Draws a table as lines that fit the room: never wider than the terminal, never higher.
 *
 * When there are more files than lines, those that run or wait for a retry come first, then what has failed, what
 * waits and what is done; the last line counts what is not shown.
 */
export function drawRows(titles: readonly string[], rows: readonly Row[], room: Room): readonly string[] {
  const widths = titles.map((title) => Math.max(textWidth(title), BAR_WIDTH) + 2)
  const fixed = widths.reduce((sum, width) => sum + width, 0)
  const longest = Math.max(...rows.map((row) => textWidth(printable(row.name))), 4)
  const name = Math.max(8, Math.min(longest, NAME_WIDTH, room.columns - 1 - fixed - 2)) + 2
  const note = Math.max(0, room.columns - 1 - name - fixed)

  const head = fitWidth('file', name) + titles.map((title, i) => fitWidth(title, widths[i] ?? 0)).join('')
  const shown = mostTelling(rows, Math.max(1, room.rows - 1))
  const lines = shown.map((row) => {
    const cells = row.cells.map((cell, i) => drawCell(cell, widths[i] ?? 0, room))
    return fitWidth(row.name, name) + cells.join('') + styled(fitWidth(row.note, note), 'dim', room)
  })
  const hidden = rows.length - shown.length
  const tail = hidden === 0 ? [] : [styled(`… and ${hidden} more`, 'dim', room)]
  return [styled(head, 'dim', room), ...lines, ...tail].map((line) => line.trimEnd())
}

function drawCell(cell: Cell, width: number, room: Room): string {
  const [mark, style] = LOOK[cell.state]
  if (cell.state !== 'running' || cell.done === undefined) return styled(fitWidth(mark, width), style, room)
  const full = Math.round(Math.min(1, Math.max(0, cell.done)) * BAR_WIDTH)
  return styled(fitWidth('▇'.repeat(full) + '▁'.repeat(BAR_WIDTH - full), width), style, room)
}

function mostTelling(rows: readonly Row[], room: number): readonly Row[] {
  if (rows.length <= room) return rows
  const chosen = rows
    .map((row, index) => ({ row, index, rank: rankOf(row) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .slice(0, Math.max(1, room - 1))
  return chosen.sort((a, b) => a.index - b.index).map(({ row }) => row)
}

function rankOf(row: Row): number {
  const states = row.cells.map((cell) => cell.state)
  if (states.includes('running') || states.includes('retrying')) return 0
  if (states.includes('failed')) return 1
  return states.includes('waiting') ? 2 : 3
}

/** A text in a style, or as it is where there are no colours. */
export function styled(text: string, style: Style, room: Pick<Room, 'colour'>): string {
  return room.colour ? styleText(style, text, { validateStream: false }) : text
}
