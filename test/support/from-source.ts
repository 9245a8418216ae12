/*
 * For `node --import`: in the process that loads it, and in those it starts with the same NODE_OPTIONS, the package's
 * name means the sources of this repository, so that programs written for users run without a build.
 */
import { registerHooks } from 'node:module'

const DOORS: Readonly<Record<string, string>> = {
  celeriac: new URL('../../src/index.ts', import.meta.url).href,
  'celeriac/embedded': new URL('../../src/embedded/index.ts', import.meta.url).href,
}

registerHooks({
  resolve(specifier, context, next) {
    return next(DOORS[specifier] ?? specifier, context)
  },
})
