import { describe, expect, test } from 'vitest'
import { ERRORS } from '../../src/base/errors.ts'
import { codesIn, rowsOf, section } from './readme.ts'
import { filesOf, modules, withoutComments } from './sources.ts'

const CODES = Object.keys(ERRORS)

describe('errors are documented', () => {
  const documented = rowsOf(section('Errors')).map(([codes = '', ...cells]) => ({
    codes: codesIn(codes),
    cells,
  }))

  test('README lists every code once, and no other', () => {
    const listed = documented.flatMap(({ codes }) => codes)
    expect(listed.toSorted(), 'the table under "Errors" is for people who look a code up').toEqual(
      CODES.toSorted(),
    )
  })

  test('each has a meaning and a remedy', () => {
    expect(documented.filter(({ cells }) => cells.length !== 2 || cells.includes(''))).toEqual([])
  })

  test('no code is dead', () => {
    // The classes that users catch throw theirs in errors.ts itself.
    const users = modules().map(({ path, text }) =>
      path === 'src/base/errors.ts'
        ? [...withoutComments(text).matchAll(/super\('\w+'/g)].join('\n')
        : withoutComments(text),
    )
    const everything = [...users, ...sqlTexts()].join('\n')
    const dead = CODES.filter((code) => !everything.includes(`'${code}'`))
    expect(dead, 'throw it, or take it out of the table').toEqual([])
  })

  test('PostgreSQL raises exactly the SQLSTATEs of the table', () => {
    const raised = new Set(
      sqlTexts().flatMap((text) => [...text.matchAll(/errcode = '(ZC\w{3})'/g)].map(([, state]) => state)),
    )
    const promised = Object.values(ERRORS).flatMap(({ sqlstate }) => sqlstate ?? [])
    expect([...raised].toSorted()).toEqual(promised.toSorted())
  })

  test('headers of SQL name the code beside its SQLSTATE', () => {
    const named = filesOf('sql', '.sql').flatMap(({ path, text }) =>
      [...text.matchAll(/^--.*\b(ZC\w{3}) ([A-Z_]+)/gm)].map(([, state, code]) => ({ path, state, code })),
    )
    expect(named.length).toBeGreaterThan(0)
    const wrong = named.filter(
      ({ state, code }) => !CODES.some((known) => known === code && sqlstateOf(known) === state),
    )
    expect(wrong).toEqual([])
  })

  test('docstrings name only codes there are', () => {
    const unknown = modules().flatMap(({ path, text }) =>
      [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(([doc]) =>
        [...doc.matchAll(/@throws[^@]*/g)].flatMap(([says]) =>
          codesIn(says)
            .filter((code) => /^[A-Z]+(_[A-Z]+)+$/.test(code) && !CODES.includes(code))
            .map((code) => `${path}: ${code}`),
        ),
      ),
    )
    expect(unknown).toEqual([])
  })
})

function sqlstateOf(code: string): string | null {
  return Object.entries(ERRORS).find(([name]) => name === code)?.[1].sqlstate ?? null
}

function sqlTexts(): string[] {
  return filesOf('sql', '.sql').map(({ text }) => text.replaceAll(/^\s*--.*$/gm, ''))
}
