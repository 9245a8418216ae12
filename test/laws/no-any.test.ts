import { describe, expect, test } from 'vitest'
import { filesOf, modules, placeOf, placesOf } from './sources.ts'

describe('the compiler is heard', () => {
  test('no value is of any type', () => {
    const anys = placesOf(
      modules(),
      /(?<![.\w'"`-])(?::\s*|<|\bas\s+|,\s*|=>\s*|\|\s*|&\s*|=\s*)any(?=\s*(?:[,;)>=[\]|&{]|$))/gm,
    )
    expect(anys, 'say what it is, or unknown').toEqual([])
  })

  test('no error of the compiler is silenced', () => {
    const silenced = [...modules(), ...filesOf('test', '.ts'), ...filesOf('bench', '.ts')].flatMap((source) =>
      [...source.text.matchAll(/@ts-(ignore|nocheck)\b/g)]
        .filter(() => !source.path.endsWith('no-any.test.ts'))
        .map((match) => placeOf(source, match.index)),
    )
    expect(silenced).toEqual([])
    const expected = modules().filter(({ text }) => text.includes('@ts-expect-error'))
    expect(
      expected.map(({ path }) => path),
      'only tests expect an error of the compiler',
    ).toEqual([])
  })

  test('no error is thrown without a code', () => {
    const bare = placesOf(modules(), /\bthrow new (Error|TypeError|RangeError)\(/g)
    expect(bare, 'throw a CeleriacError with a code of base/errors.ts').toEqual([])
  })

  test('no default is exported', () => {
    expect(placesOf(modules(), /^export default\b/gm), 'export it by its name').toEqual([])
  })
})
