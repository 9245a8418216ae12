import { describe, expect, test } from 'vitest'
import { filesOf, modules } from './sources.ts'

const LINES = 320

/** Files that are longer, and why; the number is what they may grow to. */
const LONGER: Readonly<Record<string, readonly [most: number, reason: string]>> = {
  'src/celeriac.ts': [580, 'five overloads of task(), and every verb of the app with its docstring'],
  'src/base/errors.ts': [700, 'half of it is the one table of codes'],
  'src/embedded/cluster.ts': [360, 'one life, from initdb to pg_ctl stop, told in order'],
  'src/worker/cycle.ts': [690, 'the hot loop; what it shares with its turns is faster in one place'],
  'src/worker/worker.ts': [
    470,
    'the whole life of a worker in order: start, wake, evict, stop; its parts have files of their own',
  ],
}

describe('files are short', () => {
  test(`no module is longer than ${LINES} lines without a reason`, () => {
    const long = modules()
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ path, lines }) => lines > (LONGER[path]?.[0] ?? LINES))
    expect(long, 'split it by purpose, or give the reason in this file').toEqual([])
  })

  test('no reason outlives its file', () => {
    const lines = new Map(modules().map(({ path, text }) => [path, text.split('\n').length - 1]))
    expect(Object.keys(LONGER).filter((path) => (lines.get(path) ?? 0) <= LINES)).toEqual([])
  })

  test('a function in SQL fits on a page or two', () => {
    const long = filesOf('sql/functions', '.sql')
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > 170)
    expect(long).toEqual([])
  })
})
