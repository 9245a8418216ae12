import { describe, expect, test } from 'vitest'
import { modules, placesOf } from './sources.ts'

/** Rooms that may write SQL: db calls functions, inspect reads views through kysely, migrate applies sql/, embedded makes a server. */
const MAY = /^src\/(db|inspect|migrate|embedded)\//

describe('only db speaks SQL', () => {
  const others = modules().filter(({ path }) => !MAY.test(path))

  test('no other room sends a statement', () => {
    const sent = placesOf(others, /\.query\s*[<(](?!\))/g)
    expect(sent, 'write a function in sql/functions and its call in src/db/calls').toEqual([])
  })

  test('no other room holds the text of one', () => {
    const statement =
      /['"`]\s*(select\s[^'"`]*\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|(create|drop|alter)\s+(table|function|schema|index|view)\s|(un)?listen\s+"|notify\s+\S+\s*,)/gi
    expect(placesOf(others, statement)).toEqual([])
    expect(placesOf(others, /\bsql(<[^`\n]*>)?`/g), 'kysely is for src/inspect').toEqual([])
  })

  test('no other room opens a connection', () => {
    const drivers = placesOf(others, /^import (?!type)[^'\n]*'(pg|kysely)'|import\('(pg|kysely)'\)/gm)
    expect(drivers, 'take a Database').toEqual([])
  })

  test('nobody writes to a table but by a function', () => {
    const rooms = modules().filter(({ path }) => /^src\/(db|inspect)\//.test(path))
    const writes =
      /\b(insert\s+into|delete\s+from|merge\s+into|truncate)\s|\bupdate\s+\S+\s+set\s|\.(insertInto|updateTable|deleteFrom|mergeInto)\(/gi
    expect(placesOf(rooms, writes), 'sql/functions is where things may happen').toEqual([])
  })
})
