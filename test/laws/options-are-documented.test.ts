import { describe, expect, test } from 'vitest'
import { codesIn, rowsOf, section } from './readme.ts'
import { modules, ROOT, read, withoutComments } from './sources.ts'

/** A field of an options bag, as its interface tells it. */
interface Field {
  readonly bag: string
  readonly name: string
  readonly doc: string
  /** What follows `@defaultValue`; null where there is none. */
  readonly defaultValue: string | null
}

describe('options are documented', () => {
  const fields = modules().flatMap(({ text }) => fieldsOf(text))

  test('every default stands in the docstring of its option', async () => {
    const wrong: string[] = []
    for (const { path, name, values } of await defaults()) {
      const mine = fieldsOf(read(path))
      for (const [key, value] of Object.entries(values)) {
        const told = mine.filter((field) => field.name === key && field.defaultValue !== null)
        if (told.length === 0) wrong.push(`${path}: ${name}.${key} has no @defaultValue`)
        for (const { bag, defaultValue } of told) {
          if (!tells(defaultValue ?? '', value))
            wrong.push(`${bag}.${key} says ${defaultValue}, it is ${literal(value)}`)
        }
      }
    }
    expect(wrong).toEqual([])
  })

  test('the default backoff is told as it is', async () => {
    const { BACKOFF_DEFAULTS: is } = await import('../../src/base/backoff.ts')
    const { base, factor, max, jitter } = is
    const told = fields.find(({ bag, name }) => bag === 'TaskOptions' && name === 'backoff')?.defaultValue
    expect(told).toBe(`exponential({ base: '${base}', factor: ${factor}, max: '${max}', jitter: ${jitter} })`)
  })

  test('every option of a public bag has a docstring', () => {
    const silent = fields.filter(({ bag, doc }) => BAGS.has(bag) && doc === '')
    expect(silent.map(({ bag, name }) => `${bag}.${name}`)).toEqual([])
  })

  test('README lists every option where it belongs', () => {
    const namesOf = (...bags: readonly string[]): string[] => [
      ...new Set(fields.filter(({ bag }) => bags.includes(bag)).map(({ name }) => name)),
    ]
    const listed = readme().map(([where, options]) => [where, Object.keys(options).toSorted()])
    const shared = [...namesOf('JobOptions', 'UniqueOptions'), 'backoff']
    const alone = namesOf('TaskOptions', 'HandlerOptions', 'CallOptions').filter(
      (name) => !shared.includes(name),
    )
    expect(Object.fromEntries(listed)).toEqual({
      'new Celeriac': namesOf('CeleriacOptions', 'QueueSettings').toSorted(),
      'app.worker': namesOf('WorkerOptions').toSorted(),
      'task and call': shared.toSorted(),
      'task only; call only': alone.toSorted(),
      exponential: namesOf('ExponentialOptions').toSorted(),
    })
  })

  test('README tells the defaults there are', async () => {
    const real = new Map((await defaults()).map(({ name, values }) => [name, values]))
    const wrong = readme().flatMap(([where, options]) => {
      const values: Readonly<Record<string, unknown>> = {
        bind: false,
        onUnreachable: 'abort',
        ...real.get(DEFAULTS_OF[where] ?? ''),
      }
      return Object.entries(options)
        .filter(([name, told]) => told !== (name in values ? literal(values[name]) : null))
        .map(
          ([name, told]) =>
            `${where}: ${name} is told as ${told}, it is ${name in values ? literal(values[name]) : 'unset'}`,
        )
    })
    expect(wrong).toEqual([])
  })
})

/** Bags that users write. */
const BAGS = new Set([
  'CeleriacOptions',
  'WorkerOptions',
  'JobOptions',
  'TaskOptions',
  'HandlerOptions',
  'CallOptions',
  'WaitOptions',
  'JobFilter',
  'MigrateOptions',
  'ExponentialOptions',
  'EmbeddedOptions',
])

/** Which literal holds the defaults that a row of README's table tells. */
const DEFAULTS_OF: Readonly<Record<string, string>> = {
  'new Celeriac': 'CELERIAC_DEFAULTS',
  'app.worker': 'WORKER_DEFAULTS',
  'task and call': 'JOB_DEFAULTS',
  exponential: 'BACKOFF_DEFAULTS',
}

/** README's table of options: where, then each name with its default as it is written, null for none. */
function readme(): [where: string, options: Record<string, string | null>][] {
  return rowsOf(section('Options')).map(([where = '', options = '']) => [
    where.replaceAll('`', ''),
    Object.fromEntries(
      codesIn(options).map((code) => {
        const [, name = '', value = null] = /^(\w+)(?:: (.+))?$/.exec(code) ?? []
        return [name, value]
      }),
    ),
  ])
}

/** Every exported `…_DEFAULTS` with what it holds. */
async function defaults(): Promise<
  { path: string; name: string; values: Readonly<Record<string, unknown>> }[]
> {
  const found = modules().flatMap(({ path, text }) =>
    [...withoutComments(text).matchAll(/^export const (\w+_DEFAULTS)\b/gm)].map(([, name = '']) => ({
      path,
      name,
    })),
  )
  expect(found.length).toBeGreaterThanOrEqual(4)
  return Promise.all(
    found.map(async ({ path, name }) => ({ path, name, values: (await import(`${ROOT}${path}`))[name] })),
  )
}

function fieldsOf(text: string): Field[] {
  return [...text.matchAll(/^(?:export )?interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)].flatMap(
    ([, bag = '', body = '']) =>
      [...body.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)? {2}readonly (\w+)\??:/g)].map(
        ([, raw = '', name = '']) => {
          const doc = raw
            .replaceAll(/^\s*\* ?/gm, '')
            .replaceAll(/\s+/g, ' ')
            .trim()
          return { bag, name, doc, defaultValue: /@defaultValue (.+)$/.exec(doc)?.[1]?.trim() ?? null }
        },
      ),
  )
}

/** Whether a docstring's words begin with the literal of a value. */
function tells(told: string, value: unknown): boolean {
  const begin = literal(value)
  return told === begin || told.startsWith(`${begin} `) || told.startsWith(`${begin},`)
}

/** A value as it is written in TypeScript here: single quotes. */
function literal(value: unknown): string {
  return JSON.stringify(value).replaceAll('"', "'")
}
