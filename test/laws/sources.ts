import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The repository's folder, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** A file of the repository. */
export interface Source {
  /** From the repository's folder, with forward slashes: `src/job/task.ts`. */
  readonly path: string
  readonly text: string
}

/** What git does not keep, as .gitignore says it; read without git, which a bare machine may lack. */
const NOT_OURS =
  /(^|\/)(node_modules|dist|\.git|\.celeriac)(\/|$)|\.tgz$|\.tsbuildinfo$|^bench\/results\/local-/

/** Every file below a folder of the repository whose name ends in one of the endings; all of them when none is given. */
export function filesOf(folder: string, ...endings: readonly string[]): Source[] {
  return pathsOf(folder)
    .filter((path) => endings.length === 0 || endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path, text: readFileSync(ROOT + path, 'utf8') }))
}

/** Paths of the files below a folder of the repository, `''` for all of it. */
export function pathsOf(folder: string): string[] {
  const found: string[] = []
  for (const entry of readdirSync(ROOT + folder, { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (NOT_OURS.test(path)) continue
    if (entry.isDirectory()) found.push(...pathsOf(path))
    else if (entry.isFile()) found.push(path)
  }
  return found.sort()
}

/** One file of the repository as text. */
export const read = (path: string): string => readFileSync(ROOT + path, 'utf8')

/** The modules of the package. */
export const modules = (): Source[] => filesOf('src', '.ts')

/** The code alone: comments become blanks of the same length, so that places stay right. Texts stay as they are. */
export function withoutComments(text: string): string {
  const parts =
    /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*(?=[\s,.;)\]])|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return text.replaceAll(parts, (part) =>
    part.startsWith('/*') || part.startsWith('//') ? part.replaceAll(/[^\n]/g, ' ') : part,
  )
}

/** Where something stands, as editors open it: `src/job/task.ts:12`. */
export function placeOf({ path, text }: Source, index: number): string {
  return `${path}:${text.slice(0, index).split('\n').length}`
}

/** Places in the code, comments aside, where a pattern matches. */
export function placesOf(sources: readonly Source[], pattern: RegExp): string[] {
  return sources.flatMap((source) =>
    [...withoutComments(source.text).matchAll(pattern)].map(
      (match) => `${placeOf(source, match.index)} ${match[0].split('\n')[0]}`,
    ),
  )
}
