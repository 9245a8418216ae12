/*
 * Part of the build, not of the package: `clean` empties dist/, `write` puts the texts of sql/ into
 * dist/migrate/sql-source.js in place of the module that reads the folder.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { sqlFiles } from './sql-source.ts'

const DIST = new URL('../../dist/', import.meta.url)

if (process.argv[2] === 'clean') {
  rmSync(DIST, { recursive: true, force: true })
} else {
  const module = `const FILES = ${JSON.stringify(sqlFiles(), null, 1)}\nexport function sqlFiles() {\n  return FILES\n}\n`
  writeFileSync(new URL('migrate/sql-source.js', DIST), module)
  rmSync(new URL('migrate/sql-source.js.map', DIST), { force: true })
}
