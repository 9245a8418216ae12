import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../support/run.ts'

const ROOT = join(import.meta.dirname, '../..')

/** The compilers that users have, by the folder of node_modules that they are in. */
export const COMPILERS = ['typescript-5.5', 'typescript-5.9', 'typescript-6', 'typescript'] as const

export type Compiler = (typeof COMPILERS)[number]

/** What a compiler said. */
export interface Compiled {
  readonly code: number
  readonly output: string
  /** `Instantiations` of its diagnostics: how much work the types were. */
  readonly instantiations: number
}

/** A project of a user's that has the package installed: its declarations, and what they import. */
export interface Project extends AsyncDisposable {
  /** Compiles files in a folder of their own, strictly, as `tsc` would. */
  compile(compiler: Compiler, files: Readonly<Record<string, string>>): Promise<Compiled>
}

/** Builds the declarations into an empty project. */
export async function makeProject(): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac types '))
  const modules = join(folder, 'node_modules')
  const installed = join(modules, 'celeriac')
  await mkdir(installed, { recursive: true })
  const built = await run(
    process.execPath,
    [
      binOf('typescript'),
      ...[
        '-p',
        'tsconfig.build.json',
        '--emitDeclarationOnly',
        '--sourceMap',
        'false',
        '--inlineSources',
        'false',
      ],
      ...['--outDir', join(installed, 'dist')],
    ],
    { cwd: ROOT },
  )
  if (built.code !== 0) throw new Error(built.stdout + built.stderr)
  await cp(join(ROOT, 'package.json'), join(installed, 'package.json'))
  const real = await realpath(join(ROOT, 'node_modules'))
  for (const name of await readdir(real)) {
    if (!name.startsWith('.')) await symlink(join(real, name), join(modules, name))
  }
  let projects = 0
  return {
    compile: async (compiler, files) => {
      projects += 1
      const project = join(folder, `project ${projects}`)
      await mkdir(project)
      await writeFile(join(project, 'package.json'), '{ "type": "module" }')
      await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: OPTIONS }))
      for (const [name, text] of Object.entries(files)) await writeFile(join(project, name), text)
      const args = [
        binOf(compiler),
        '-p',
        '.',
        '--extendedDiagnostics',
        '--pretty',
        'false',
        '--noErrorTruncation',
      ]
      const { code, stdout, stderr } = await run(process.execPath, args, { cwd: project })
      const [, instantiations = 'NaN'] = /^Instantiations:\s+(\d+)/m.exec(stdout) ?? []
      return { code, output: stdout + stderr, instantiations: Number(instantiations) }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

const OPTIONS = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
}

const binOf = (compiler: Compiler): string => join(ROOT, 'node_modules', compiler, 'bin/tsc')
