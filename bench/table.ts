import type { Answer, Row } from './answer.ts'
import { median } from './harness/statistics.ts'

const HEADINGS = ['', 'median', 'lowest – highest', 'celeriac ÷ this', 'goal', 'met', '']

/** An answer as lines of text. */
export function tableLines(answer: Answer): string[] {
  const cells = [HEADINGS.with(1, `median ${answer.unit}`), ...answer.rows.map(cellsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)))
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column > 3 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  const failures = answer.rows.flatMap(({ name, failure }) =>
    failure === undefined ? [] : [`${name} failed: ${failure.split('\n').slice(0, 3).join(' | ')}`],
  )
  return [`${answer.id}  ${answer.title}`, ...lines, ...(answer.notes ?? []), ...failures].map((line, at) =>
    at === 0 ? line : `  ${line}`,
  )
}

function cellsOf(row: Row): string[] {
  const { samples, ratio, goal, failure } = row
  const spread = samples.length > 1 ? `${figure(Math.min(...samples))} – ${figure(Math.max(...samples))}` : ''
  return [
    row.name,
    samples.length > 0 ? figure(median(samples)) : failure === undefined ? '–' : 'failed',
    spread,
    ratio === undefined ? '' : `${figure(ratio)} ×`,
    goal?.text ?? '',
    goal === undefined ? '' : goal.met === undefined ? '–' : goal.met ? 'yes' : 'NO',
    row.detail ?? '',
  ]
}

/** A figure with as many digits as it deserves. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en')
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4)
}
