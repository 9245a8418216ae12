import { stat } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CeleriacError } from '../base/errors.ts'
import type { Celeriac } from '../celeriac.ts'

const TYPESCRIPT = /\.[cm]?tsx?$/
const NEEDS_TRANSPILER = /\.(tsx|jsx)$/

/**
 * Loads the file that defines an app's tasks and gives its app: the export `app`, or the default one.
 *
 * Node strips types itself from 22.18 on, which is exact, quick and keeps line numbers; that is tried first. jiti takes
 * over where Node cannot: an older Node, enums and parameter properties, imports by path alias, without an ending or as
 * `.js`, types imported without `type`. All of those show before the first line of the file has run, so that it is not run twice.
 * @throws {CeleriacError} `APP_FILE` saying what is wrong with the file
 */
export async function loadApp(file: string): Promise<Celeriac> {
  const path = resolve(file)
  const shown = relative(process.cwd(), path) || file
  const found = await stat(path).catch(() => null)
  if (found === null) throw appFile(shown, 'does not exist')
  if (!found.isFile()) throw appFile(shown, 'is not a file; name the one that defines the tasks')
  const app = appOf(await load(path, shown))
  if (app === null) {
    throw appFile(
      shown,
      'exports no app; export it as `app` or as default',
      'export const app = new Celeriac({ … })',
    )
  }
  if (app.tasks.length === 0) {
    throw appFile(shown, 'registers no task on its app', `import the files that call app.task(…) in ${shown}`)
  }
  return app
}

async function load(path: string, shown: string): Promise<unknown> {
  const url = pathToFileURL(path).href
  const typescript = TYPESCRIPT.test(path)
  let first: unknown
  if (!NEEDS_TRANSPILER.test(path) && (!typescript || process.features.typescript !== false)) {
    try {
      return await import(url)
    } catch (error) {
      if (!typescript || !isBeyondNode(error)) throw unloadable(shown, error)
      first = error
    }
  }
  const { createJiti } = await import('jiti')
  try {
    return await createJiti(url, { fsCache: false, tsconfigPaths: true, jsx: true }).import(url)
  } catch (error) {
    // What neither finds, Node names better.
    throw unloadable(shown, codeOf(error) === 'MODULE_NOT_FOUND' && first !== undefined ? first : error)
  }
}

const BEYOND_NODE = [
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_INVALID_TYPESCRIPT_SYNTAX',
  'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
]

function isBeyondNode(error: unknown): boolean {
  if (BEYOND_NODE.includes(codeOf(error))) return true
  return error instanceof SyntaxError && /does not provide an export named/.test(error.message)
}

/** The app among what a file exports; also of another copy of the package. */
function appOf(exported: unknown): Celeriac | null {
  for (const candidate of [exported, memberOf(exported, 'default')]) {
    for (const value of [memberOf(candidate, 'app'), candidate]) if (isApp(value)) return value
  }
  return null
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Reflect.get(value, name)
}

function isApp(value: unknown): value is Celeriac {
  const methods = ['task', 'worker', 'enqueue', 'location', 'on', 'stop']
  return (
    methods.every((name) => typeof memberOf(value, name) === 'function') &&
    Array.isArray(memberOf(value, 'tasks'))
  )
}

function unloadable(shown: string, cause: unknown): CeleriacError {
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
  const frame = cause instanceof Error ? placeIn(cause) : ''
  return appFile(shown, `cannot be loaded: ${reason}${frame}`, `node ${shown}, which shows where`, cause)
}

/** The first line of the stack that is somebody's own. */
function placeIn({ stack = '' }: Error): string {
  const line = stack.split('\n').find((text) => /^\s+at /.test(text) && !/node:|node_modules/.test(text))
  const place = line?.match(/\(?((?:file:\/\/)?\/[^()]+:\d+:\d+)\)?$/)?.[1]
  return place === undefined ? '' : ` (${relative(process.cwd(), place.replace('file://', ''))})`
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function appFile(file: string, problem: string, remedy?: string, cause?: unknown): CeleriacError {
  const details = remedy === undefined ? {} : { details: { try: remedy } }
  return new CeleriacError(
    'APP_FILE',
    { file, problem },
    { ...details, ...(cause !== undefined && { cause }) },
  )
}
