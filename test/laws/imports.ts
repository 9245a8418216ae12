import { posix } from 'node:path'
import { modules, withoutComments } from './sources.ts'

/** One module that names another of ours. */
export interface Import {
  readonly from: string
  readonly to: string
  /** `export … from`. */
  readonly reExport: boolean
  /** Erased when the code runs. */
  readonly typeOnly: boolean
  /** `import()`, when it is needed. */
  readonly lazy: boolean
}

const STATIC = /^(import|export)\s+(type\s+)?([^'"]*?)\s*from\s*'(\.[^']*)'/gm
const BARE = /^import\s*'(\.[^']*)'/gm
const LAZY = /\bimport\(\s*'(\.[^']*)'/g

/** Every import of one module of `src/` by another, in order. */
export function importsOfOurs(): Import[] {
  return modules().flatMap(({ path, text }) => {
    const code = withoutComments(text)
    const target = (relative: string): string => posix.join(posix.dirname(path), relative)
    const found: Import[] = []
    for (const [, verb, type, names = '', relative = ''] of code.matchAll(STATIC)) {
      found.push({
        from: path,
        to: target(relative),
        reExport: verb === 'export',
        typeOnly: type !== undefined || everyNameIsType(names),
        lazy: false,
      })
    }
    for (const [, relative = ''] of code.matchAll(BARE)) {
      found.push({ from: path, to: target(relative), reExport: false, typeOnly: false, lazy: false })
    }
    for (const [, relative = ''] of code.matchAll(LAZY)) {
      found.push({ from: path, to: target(relative), reExport: false, typeOnly: false, lazy: true })
    }
    return found
  })
}

function everyNameIsType(names: string): boolean {
  const [, list = 'value'] = /^\{([\s\S]*)\}$/.exec(names) ?? []
  return list.split(',').every((name) => /^\s*(type\s|$)/.test(name))
}
