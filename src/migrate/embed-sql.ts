/*
 * Part of the build, not of the package: `clean` empties dist/, `write` puts the texts of sql/ into
 * dist/migrate/sql-source.js in place of the module that reads the folder.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { extraFiles, sqlFiles } from './sql-source.ts'

const DIST = new URL('../../dist/', import.meta.url)

if (process.argv[2] === 'clean') {
  rmSync(DIST, { recursive: true, force: true })
} else {
  const module = Object.entries({ sqlFiles: sqlFiles(), extraFiles: extraFiles() })
    .map(([name, files]) => `export function ${name}() {\n  return ${JSON.stringify(files, null, 1)}\n}\n`)
    .join('\n')
  writeFileSync(new URL('migrate/sql-source.js', DIST), module)
  rmSync(new URL('migrate/sql-source.js.map', DIST), { force: true })
}
