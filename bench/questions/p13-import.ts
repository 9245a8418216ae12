import { execFile } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Answer, known, type Question, type Row } from '../answer.ts'
import { median } from '../harness/statistics.ts'
import type { Lab } from '../lab.ts'

const GOAL_MS = 60
const REFUSED = /[\\/](dashboard|cli|embedded|testing)[\\/]/

const root = join(import.meta.dirname, '..', '..')
const built = join(root, 'dist', 'index.js')
const source = join(root, 'src', 'index.ts')

/** P13: how long does a producer wait for the import? */
export const importQuestion: Question = { id: 'P13', ask }

async function ask(lab: Lab): Promise<Answer[]> {
  const own = existsSync(built) ? built : source
  const specifiers: [name: string, specifier: string][] = [
    ['celeriac', own],
    ...(lab.has('graphile') ? [['graphile-worker', 'graphile-worker'] as [string, string]] : []),
    ...(lab.has('pgboss') ? [['pg-boss', 'pg-boss'] as [string, string]] : []),
    ...(lab.has('bullmq') ? [['BullMQ', 'bullmq'] as [string, string]] : []),
    ['pg alone', 'pg'],
  ]
  const times = new Map(specifiers.map(([name]) => [name, [] as number[]]))
  const failures = new Map<string, string>()
  for (let run = 0; run < lab.sizes.importRuns; run++) {
    for (const [name, specifier] of specifiers) {
      if (failures.has(name)) continue
      try {
        times.get(name)?.push((await importOnce(specifier, 'time')).ms)
      } catch (error) {
        failures.set(name, error instanceof Error ? error.message : String(error))
      }
    }
  }
  const ours = median(times.get('celeriac') ?? [])
  const rows = specifiers.map(([name]): Row => {
    const samples = times.get(name) ?? []
    const middle = median(samples)
    const failure = failures.get(name)
    return {
      name,
      samples,
      ...(Number.isFinite(ours / middle) ? { ratio: ours / middle } : {}),
      ...(name === 'celeriac'
        ? { goal: { text: `≤ ${GOAL_MS} ms`, met: known(middle, middle <= GOAL_MS) } }
        : {}),
      ...(failure === undefined ? {} : { failure }),
    }
  })
  return [
    {
      id: 'P13',
      title: 'import of the producer part',
      unit: 'ms',
      rows,
      notes: await notes(own, failures.has('celeriac')),
    },
  ]
}

async function notes(own: string, failed: boolean): Promise<string[]> {
  if (failed) return []
  const { loaded } = await importOnce(own, 'list')
  const refused = loaded.filter((url) => REFUSED.test(url))
  return [
    own === built
      ? `Measured on dist/${isStale() ? ', which is OLDER than src/: run `npm run build`' : ''}.`
      : 'Measured on the sources, whose types Node has to strip; run `npm run build` first for what users get.',
    refused.length === 0
      ? `${loaded.length} modules are loaded; none of the dashboard, the CLI, the embedded server or the test kit.`
      : `NOT MET: loads ${refused.length} modules that a producer does not need: ${refused.slice(0, 5).join(', ')}`,
  ]
}

function isStale(): boolean {
  const builtAt = statSync(built).mtimeMs
  return globSync('src/**/*.ts', { cwd: root }).some((file) => statSync(join(root, file)).mtimeMs > builtAt)
}

async function importOnce(
  specifier: string,
  mode: 'time' | 'list',
): Promise<{ ms: number; loaded: string[] }> {
  const file = join(import.meta.dirname, '..', 'harness', 'import-once.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [file, specifier, mode], {
    maxBuffer: 2 ** 26,
  })
  return JSON.parse(stdout) as { ms: number; loaded: string[] }
}
