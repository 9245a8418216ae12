/*
 * Finds what SQL functions write, as far as their text tells: each update and delete with the conditions it stands
 * under, its own and those of the subqueries it takes its rows from.
 */
import { placeOf, type Source } from './sources.ts'

/** One update or delete. */
export interface Write {
  /** `sql/functions/job/cancel_jobs.sql:21` */
  readonly place: string
  /** `cancel_jobs: update jobs`; `#2` follows for a second one. */
  readonly name: string
  readonly verb: 'update' | 'delete' | 'other'
  readonly table: string
  /** The statement itself without its subqueries of other names. */
  readonly text: string
  /** The named subqueries it takes its rows from, and theirs. */
  readonly sources: readonly string[]
  /** What must all hold for a row to be written. */
  readonly conditions: readonly string[]
  /** The history that the same statement writes of these rows. */
  readonly kept: string
}

const WRITE =
  /\b(?:(update|delete from)(?: only)?|merge into|truncate(?: table)?) (?:celeriac\.)(\w+|%I)\b(?! as excluded)/g

/** Every write of a file. */
export function writesOf(source: Source): Write[] {
  const code = withoutNoise(source.text)
  const functionName = source.path.split('/').at(-1)?.replace('.sql', '') ?? source.path
  const seen = new Map<string, number>()
  return statementsOf(code).flatMap(({ text, start }) => {
    const parts = partsOf(text)
    return [...text.matchAll(WRITE)].map((match): Write => {
      const verb = match[1] === undefined ? 'other' : match[1] === 'update' ? 'update' : 'delete'
      const table = match[2] ?? ''
      const own = parts.find((part) => part.holds(match.index)) ?? { name: '', body: text, holds: () => true }
      const sources = sourcesOf(own.body, parts)
      const title = `${functionName}: ${verb} ${table}`
      const count = (seen.get(title) ?? 0) + 1
      seen.set(title, count)
      return {
        place: placeOf(source, start + match.index),
        name: count === 1 ? title : `${title} #${count}`,
        verb,
        table,
        text: own.body,
        sources: sources.map(({ body }) => body),
        conditions: [own.body, ...sources.map(({ body }) => body)].flatMap(conditionsOf),
        kept: parts
          .filter(({ body }) => /insert into celeriac\.results\b/.test(body))
          .filter(({ body }) =>
            namesIn(body).some((name) => name === own.name || sources.some((one) => one.name === name)),
          )
          .map(({ body }) => body)
          .join('\n'),
      }
    })
  })
}

/** Texts that are run as SQL and write rows: what they write cannot be told from outside. */
export function textsThatWrite(source: Source): string[] {
  const code = source.text.replaceAll(/--.*$/gm, (comment) => ' '.repeat(comment.length))
  return [...code.matchAll(/'(?:[^']|'')*'/g)]
    .filter(
      ([text]) =>
        /\b(?:update|delete from|merge into|truncate)\b/i.test(text) && /%I|celeriac|\|\|/.test(text),
    )
    .map(({ index }) => placeOf(source, index))
}

/** Selects that wait for the rows they lock: those with no `skip locked` or `nowait`. */
export function waitingLocksOf(source: Source): { readonly place: string; readonly text: string }[] {
  const code = withoutNoise(source.text)
  return statementsOf(code).flatMap(({ text, start }) =>
    [...text.matchAll(/\bfor (?:no key )?update\b(?: of \w+)?/g)]
      .filter((match) => !/^\s*(?:skip locked|nowait)\b/.test(text.slice(match.index + match[0].length)))
      .map(({ index }) => ({
        place: placeOf(source, start + index),
        text: text.slice(openingBefore(text, index), index),
      })),
  )
}

/** Comments and what stands in quotes become blanks of the same length. */
function withoutNoise(text: string): string {
  return text
    .replaceAll(/--.*$/gm, (comment) => ' '.repeat(comment.length))
    .replaceAll(/'(?:[^']|'')*'/g, (quoted) => `'${quoted.slice(1, -1).replaceAll(/[^\n]/g, ' ')}'`)
}

function statementsOf(code: string): { text: string; start: number }[] {
  const statements: { text: string; start: number }[] = []
  let start = 0
  for (const text of code.split(';')) {
    statements.push({ text, start })
    start += text.length + 1
  }
  return statements
}

/** A named subquery (`name as materialized (…)`), or the statement around them, which has no name. */
interface Part {
  readonly name: string
  readonly body: string
  readonly holds: (index: number) => boolean
}

function partsOf(text: string): Part[] {
  const parts: Part[] = []
  let rest = text
  for (const match of text.matchAll(/\b(\w+)(?: \([^()]*\))? as (?:not )?(?:materialized )?\(/g)) {
    const from = match.index + match[0].length
    const to = closingAfter(text, from)
    if (!/^\s*(?:select|insert|update|delete|with)\b/.test(text.slice(from, to))) continue
    parts.push({
      name: match[1] ?? '',
      body: text.slice(from, to),
      holds: (index) => index >= from && index < to,
    })
    rest = rest.slice(0, from) + ' '.repeat(to - from) + rest.slice(to)
  }
  return [...parts, { name: '', body: rest, holds: () => true }]
}

function closingAfter(text: string, from: number): number {
  let depth = 1
  for (let index = from; index < text.length; index += 1) {
    if (text[index] === '(') depth += 1
    else if (text[index] === ')') depth -= 1
    if (depth === 0) return index
  }
  return text.length
}

function openingBefore(text: string, from: number): number {
  let depth = 1
  for (let index = from - 1; index >= 0; index -= 1) {
    if (text[index] === ')') depth += 1
    else if (text[index] === '(') depth -= 1
    if (depth === 0) return index + 1
  }
  return 0
}

const namesIn = (body: string): string[] =>
  [...body.matchAll(/\b(?:from|using|join) (\w+)\b/g)].map(([, name]) => name ?? '')

function sourcesOf(body: string, parts: readonly Part[], seen: readonly Part[] = []): Part[] {
  const found = [...seen]
  for (const name of namesIn(body)) {
    const part = parts.find((one) => one.name === name && one.body !== body)
    if (part === undefined || found.includes(part)) continue
    found.push(...sourcesOf(part.body, parts, [...found, part]).filter((one) => !found.includes(one)))
  }
  return found
}

/** The conditions of a `where` that must all hold; none when any of several would do. */
function conditionsOf(body: string): string[] {
  const flat = flattened(body)
  const where = /\bwhere\b/.exec(flat)
  if (where === null) return []
  const end = /\b(?:returning|order by|group by|limit|for (?:no key )?update|on conflict|union)\b/g
  end.lastIndex = where.index
  const last = end.exec(flat)?.index ?? flat.length
  const clause = flat.slice(where.index + 'where'.length, last)
  if (/\bor\b/.test(clause)) return []
  const offset = where.index + 'where'.length
  const conditions: string[] = []
  let from = 0
  for (const match of [...clause.matchAll(/\band\b/g), { index: clause.length, 0: '' }]) {
    conditions.push(body.slice(offset + from, offset + match.index).trim())
    from = match.index + match[0].length
  }
  return conditions
}

/** What stands in parentheses becomes blanks of the same length. */
function flattened(body: string): string {
  let depth = 0
  let flat = ''
  for (const letter of body) {
    if (letter === ')') depth -= 1
    flat += depth > 0 && letter !== '\n' ? ' ' : letter
    if (letter === '(') depth += 1
  }
  return flat
}
