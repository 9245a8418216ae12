import { read } from './sources.ts'

/** README's lines between a heading and the next one. */
export function section(title: string): string {
  const found = new RegExp(`^## ${title}\\n([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, 'm').exec(read('README.md'))
  if (found?.[1] === undefined) throw new Error(`README.md has no section "${title}"`)
  return found[1]
}

/** Rows of the tables in a text, each a list of its cells; heads and rules left out. */
export function rowsOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  return lines
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
    .filter((cells, index, all) => !isRule(cells) && !isRule(all[index + 1] ?? []))
}

const isRule = (cells: readonly string[]): boolean =>
  cells.length > 0 && cells.every((cell) => /^-+$/.test(cell))

/** What a text has between backticks. */
export const codesIn = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

/** A fenced block. */
export interface Block {
  /** What follows the fence: `ts`, `sh`. */
  readonly language: string
  readonly text: string
  /** Line of its fence, from 1. */
  readonly line: number
}

/** Every fenced block of README.md, in order. */
export function blocks(): Block[] {
  const text = read('README.md')
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: body = '', index }) => ({
      language,
      text: body,
      line: text.slice(0, index).split('\n').length,
    }),
  )
}
