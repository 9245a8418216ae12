import { styleText } from 'node:util'
import { fitWidth, printable, textWidth } from './demo/text-width.ts'
import { mask } from './mask.ts'

/** Where a command writes, and what is known about it. */
export interface Terminal {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly stdin: AsyncIterable<Buffer | string>
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What is needed of a stream. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  write(text: string): unknown
}

/** A column of a table. */
export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string | number | Date | null
  /** How the cell looks where there are colours. */
  readonly style?: (row: Row) => Style | null
}

export type Style = Parameters<typeof styleText>[0]

/** What a command says, in the form that was asked for. */
export interface Output {
  readonly json: boolean
  /** Whether people read stdout as it is written. */
  readonly tty: boolean
  /** Writes the one JSON document of the command. */
  document(value: unknown): void
  /** Writes rows: aligned under titles on a terminal, else tab-separated without them. */
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void
  /** Writes one line of data. */
  line(text: string): void
  /** Writes one line beside the data; nothing of it is data. */
  note(text: string): void
  /** A text in a style, where stdout shows colours. */
  styled(text: string, style: Style): string
  /** An instant: local on a terminal, else ISO 8601 in UTC. */
  time(instant: Date | null): string
}

/** What decides the form. */
export interface OutputOptions {
  readonly json?: boolean | undefined
  /** False for `--no-color`. */
  readonly color?: boolean | undefined
}

/** Makes what a command writes through. */
export function createOutput({ stdout, stderr, env }: Terminal, options: OutputOptions): Output {
  const tty = stdout.isTTY === true
  const colour = options.color !== false && showsColours(stdout, env)
  const line = (text: string): void => void stdout.write(`${mask(text)}\n`)
  const styled = (text: string, style: Style): string =>
    colour ? styleText(style, text, { validateStream: false }) : text
  const time = (instant: Date | null): string =>
    instant === null ? '' : tty ? localTime(instant) : instant.toISOString()
  const text = (cell: string | number | Date | null): string =>
    cell instanceof Date ? time(cell) : cell === null ? '' : String(cell)
  return {
    json: options.json === true,
    tty,
    document: (value) => line(JSON.stringify(value, null, tty ? 2 : undefined)),
    table: (rows, columns) => {
      const cells = rows.map((row) => columns.map((column) => text(column.cell(row))))
      if (!tty) {
        for (const row of cells) line(row.map(tabSafe).join('\t'))
        return
      }
      // Some terminals say 0: they do not know.
      const width = stdout.columns || 80
      const widths = columns.map((column, at) =>
        Math.max(textWidth(column.title), ...cells.map((row) => textWidth(printable(row[at] ?? '')))),
      )
      line(
        styled(
          laidOut(
            columns.map((column) => column.title),
            widths,
            width,
          )
            .join('')
            .trimEnd(),
          'bold',
        ),
      )
      for (const [index, row] of cells.entries()) {
        const parts = laidOut(row, widths, width).map((part, at) => {
          const style = columns[at]?.style?.(rows[index] as (typeof rows)[number])
          return style === null || style === undefined ? part : styled(part, style)
        })
        line(parts.join('').trimEnd())
      }
    },
    line,
    note: (words) => void stderr.write(`${mask(words)}\n`),
    styled,
    time,
  }
}

/** Whether a stream shows colours: `NO_COLOR` says no, `FORCE_COLOR` says yes, else a terminal that is not dumb does. */
export function showsColours(stream: OutputStream, env: Terminal['env']): boolean {
  if (isSet(env.NO_COLOR)) return false
  if (isSet(env.FORCE_COLOR)) return env.FORCE_COLOR !== '0'
  return stream.isTTY === true && env.TERM !== 'dumb'
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ''

const GAP = 2

/** Cells filled to their columns; what does not fit the terminal any more is cut. */
function laidOut(cells: readonly string[], widths: readonly number[], room: number): string[] {
  let left = room
  return cells.map((cell, at) => {
    const width = Math.max(0, Math.min(widths[at] ?? 0, left))
    left -= width + GAP
    return fitWidth(cell, width) + ' '.repeat(GAP)
  })
}

function tabSafe(cell: string): string {
  return cell.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\r', '\\r').replaceAll('\n', '\\n')
}

function localTime(instant: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0')
  const day = [instant.getFullYear(), two(instant.getMonth() + 1), two(instant.getDate())].join('-')
  return `${day} ${[instant.getHours(), instant.getMinutes(), instant.getSeconds()].map(two).join(':')}`
}
