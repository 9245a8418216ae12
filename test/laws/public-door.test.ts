import { describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import * as embedded from '../../src/embedded/index.ts'
import * as celeriac from '../../src/index.ts'
import { read, withoutComments } from './sources.ts'

/** Names that a door exports, the types after the values; a type is gone when the code runs, so they come from its text. */
function exportsOf(path: string, values: object): string {
  const names = new Set<string>()
  const code = withoutComments(read(path))
  for (const [, type, list = ''] of code.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    for (const one of list.split(',').map((name) => name.trim())) {
      if (one === '') continue
      if (type !== undefined || one.startsWith('type ')) names.add(one.replace(/^type /, ''))
    }
  }
  const both = (kind: string, all: Iterable<string>): string[] =>
    [...all].sort().map((name) => `${kind} ${name}`)
  return `${[...both('value', Object.keys(values)), ...both('type', names)].join('\n')}\n`
}

// To change a door on purpose: npx vitest run test/laws/public-door.test.ts -u, and say it in the changelog.
describe('the public door', () => {
  test('celeriac exports what is agreed', async () => {
    await expect(exportsOf('src/index.ts', celeriac)).toMatchFileSnapshot('public-door.celeriac.txt')
  })

  test('celeriac/embedded exports what is agreed', async () => {
    await expect(exportsOf('src/embedded/index.ts', embedded)).toMatchFileSnapshot('public-door.embedded.txt')
  })

  test('there are these ways in, and no other', () => {
    expect(Object.keys(manifest.exports)).toEqual(['.', './embedded', './package.json'])
    expect(manifest.bin).toEqual({ celeriac: './dist/cli/main.js' })
  })
})
