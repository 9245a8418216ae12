import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

/** One file of `sql/`. */
export interface SqlFile {
  readonly kind: 'migration' | 'function' | 'view' | 'role' | 'recipe'
  /** File name without its ending. */
  readonly name: string
  readonly text: string
}

const SQL_FOLDER = new URL('../../sql/', import.meta.url)

/**
 * Reads every file of `sql/` that an installation is made of, in the order it is applied.
 *
 * The build replaces this module by one that holds the texts (see embed-sql.ts), so that a bundler cannot lose them.
 */
export function sqlFiles(): readonly SqlFile[] {
  return [
    ...readFolder('migration', 'migrations'),
    ...readFolder('function', 'functions'),
    ...readFolder('view', 'views'),
  ]
}

/** Reads the files that are applied on demand: roles, and recipes. */
export function extraFiles(): readonly SqlFile[] {
  return [...readFolder('role', 'roles'), ...readFolder('recipe', 'recipes')]
}

function readFolder(kind: SqlFile['kind'], folder: string): SqlFile[] {
  const root = new URL(`${folder}/`, SQL_FOLDER)
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.sql'))
    .sort()
    .map((path) => ({
      kind,
      name: basename(path, '.sql'),
      text: readFileSync(new URL(path.split('\\').join('/'), root), 'utf8'),
    }))
}
