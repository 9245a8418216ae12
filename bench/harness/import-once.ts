/*
 * Imports one module in a new process and says how long that took, or what was loaded: a program of its own, for P13.
 */
import { registerHooks } from 'node:module'
import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , specifier = '', mode] = process.argv
const loaded: string[] = []
if (mode === 'list') {
  registerHooks({
    load: (url, context, next) => {
      loaded.push(url)
      return next(url, context)
    },
  })
}
const url = isAbsolute(specifier) ? pathToFileURL(specifier).href : specifier
const begunAt = performance.now()
await import(url)
const ms = performance.now() - begunAt
process.stdout.write(JSON.stringify({ ms, loaded }), () => process.exit(0))
