import { describe, expect, test } from 'vitest'
import { type Import, importsOfOurs } from './imports.ts'
import { modules } from './sources.ts'

/** STYLE: rooms by layer. Files that stand alone in src/ are rooms of their own. */
const LAYERS: Readonly<Record<string, number>> = {
  base: 0,
  db: 1,
  event: 1,
  lock: 1.5,
  embedded: 1,
  task: 2,
  job: 2,
  canvas: 3,
  limit: 3,
  queue: 3,
  schedule: 3,
  inspect: 3,
  control: 3,
  migrate: 3,
  worker: 4,
  maintain: 4,
  guard: 4.5,
  'app-options.ts': 5,
  'celeriac.ts': 5,
  'index.ts': 5.5,
  cli: 6,
  dashboard: 6,
  testing: 6,
}

/** Siblings that may import each other: what is enqueued is a task, and the app is made of its options. */
const SIBLINGS = new Set(['job → task', 'celeriac.ts → app-options.ts'])

const roomOf = (path: string): string => path.split('/')[1] ?? ''
const shown = (one: Import): string => `${one.from} → ${one.to}`

describe('imports point down', () => {
  const imports = importsOfOurs()

  test('every file stands in a room with a layer', () => {
    const homeless = modules().filter(({ path }) => !(roomOf(path) in LAYERS))
    expect(homeless, 'give the room a layer here, or move the file into a room').toEqual([])
  })

  // Types count as well: a shape two rooms share goes down to a room that both may import.
  test('no room imports a higher one or a sibling, not even its types', () => {
    const against = imports.filter(({ from, to }) => {
      const [mine, other] = [roomOf(from), roomOf(to)]
      if (mine === other || SIBLINGS.has(`${mine} → ${other}`)) return false
      return (LAYERS[other] ?? Number.NaN) >= (LAYERS[mine] ?? Number.NaN)
    })
    expect(
      against.map(shown),
      'move what is shared down, or declare an interface that celeriac.ts fills in',
    ).toEqual([])
  })

  test('embedded stands alone on base', () => {
    const others = imports.filter(
      ({ from, to }) => roomOf(from) === 'embedded' && !['embedded', 'base'].includes(roomOf(to)),
    )
    expect(others.map(shown)).toEqual([])
  })

  test('values are imported without cycles', () => {
    expect(cyclesOf(imports.filter(({ typeOnly, lazy }) => !typeOnly && !lazy))).toEqual([])
  })

  test('only an index.ts exports from another module', () => {
    const through = imports.filter(({ from, reExport }) => reExport && !from.endsWith('/index.ts'))
    expect(through.map(shown), 'import it where it is defined').toEqual([])
  })

  test('there is no index.ts but the public doors', () => {
    const doors = modules().flatMap(({ path }) => (path.endsWith('/index.ts') ? [path] : []))
    expect(doors).toEqual(['src/embedded/index.ts', 'src/index.ts'])
  })
})

/** One path for each cycle that a walk comes across. */
function cyclesOf(imports: readonly Import[]): string[] {
  const next = new Map<string, Set<string>>()
  for (const { from, to } of imports) next.set(from, (next.get(from) ?? new Set()).add(to))
  const done = new Set<string>()
  const cycles: string[] = []
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const to of next.get(path) ?? []) walk(to, [...trail, path])
    done.add(path)
  }
  for (const path of next.keys()) walk(path, [])
  return cycles
}
