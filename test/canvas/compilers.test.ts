import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMPILERS, makeProject, type Project } from './compilers.ts'

/** What `snippets/canvas.ts` may cost: twice what it does. The whole file holds every form there is, and some long ones. */
const MOST_INSTANTIATIONS = 105_000

/** What does not fit, and the sentence that says so. */
const MISFITS: readonly [code: string, sentence: string][] = [
  [
    'chain(add.s(1, 2), upper.s())',
    'this step does not accept what the step before returns", number, string>',
  ],
  [
    'chain([add.s(1, 2), upper.s()])',
    'this step does not accept what the step before returns", number, string>',
  ],
  ['add.s(1, 2).pipe(upper.s())', 'this step does not accept what the step before returns", number, string>'],
  ['chain(add.s(1, 2), add.s())', 'this step has more than one open parameter, and gets only the first"'],
  [
    'chain(add.s(1, 2), add.s(3, 4))',
    'this step takes no input, since all its parameters are given; .si(…) ignores the input"',
  ],
  [
    'add.s(1, 2).link(upper.s())',
    'this callback does not accept what the signature that it is linked to returns", number',
  ],
  [
    'add.s(1, 2).linkError(upper.s())',
    'this error handler does not accept what it is called with: a FailureReport"',
  ],
  [
    'chord([add.s(1, 1), add.s(2, 2)], upper.s())',
    'this body does not accept what the header returns", [number, number]',
  ],
  [
    'chord(add.s(1, 1), add.s(1))',
    'a header is a group or its members; chain(…) lets one step follow another"',
  ],
  ['group([add.s(1), upper.s()])', 'members of this group take different inputs; .si(…) ignores the input"'],
  ['group(add.s(1), upper.s())', 'members of this group take different inputs; .si(…) ignores the input"'],
  ['add.map([1])', 'map gives one argument, and this task needs more; use starmap"'],
  ['noop.map([1])', 'map gives one argument, and this task takes none"'],
]

const DEFINITIONS = `
import { Celeriac, chain, chord, group } from 'celeriac'
const app = new Celeriac({ database: '' })
const add = app.task('add', (x: number, y: number) => x + y)
const upper = app.task('upper', async (text: string) => text.toUpperCase())
const noop = app.task('noop', () => undefined)
export const used = { chain, chord, group, add, upper, noop }
`

let project: Project
let snippets = ''

beforeAll(async () => {
  project = await makeProject()
  const text = await readFile(join(import.meta.dirname, 'snippets/canvas.ts'), 'utf8')
  snippets = text.replace('../../../src/index.ts', 'celeriac')
}, 120_000)
afterAll(() => project[Symbol.asyncDispose]())

describe.each(COMPILERS)('the types of canvas with %s', (compiler) => {
  test('compile as users write them, at a cost within bounds', async () => {
    const { code, output, instantiations } = await project.compile(compiler, { 'canvas.ts': snippets })
    expect(code, output).toBe(0)
    expect(instantiations).toBeLessThan(MOST_INSTANTIATIONS)
    expect(instantiations, 'nothing was compiled').toBeGreaterThan(MOST_INSTANTIATIONS / 10)
  }, 60_000)

  test('say in a sentence what does not fit', async () => {
    const lines = MISFITS.map(([code]) => `void (() => ${code})`)
    const { output } = await project.compile(compiler, { 'misfits.ts': [...lines, DEFINITIONS].join('\n') })
    const errors = output.split(/^(?=misfits\.ts\()/m)
    for (const [index, [code, sentence]] of MISFITS.entries()) {
      const said = errors.filter((error) => error.startsWith(`misfits.ts(${index + 1},`))
      expect(said, `${code} gives one error`).toHaveLength(1)
      expect(said[0], code).toContain(sentence)
    }
    expect(errors.filter((error) => error.startsWith('misfits.ts('))).toHaveLength(MISFITS.length)
  }, 60_000)
})
