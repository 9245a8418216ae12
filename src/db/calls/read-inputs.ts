import type { Database } from '../database.ts'
import type { JobState } from './read-jobs.ts'

/** A parent of a node, and what it came to. */
export interface InputEdge {
  readonly position: number | null
  readonly name: string | null
  /** The parent, when it is a join: its value is what its own parents make. */
  readonly join: string | null
  /** Null when nothing is kept of it. */
  readonly state: JobState | null
  readonly value: unknown
  /** Nothing was returned, which is not null. */
  readonly empty: boolean
  readonly error: unknown
  /** What stands for its value when it has failed, alone in a list; null for its error. */
  readonly fallback: readonly [unknown] | null
  /** Whether a failure of it counts like a success. */
  readonly either: boolean
  readonly parent: string
}

/** What nodes take from their parents, and joins on the way from theirs. */
export interface Inputs {
  /** What joins without members are; of others the edges tell. */
  readonly kinds: Readonly<Record<string, 'list' | 'object'>>
  /** By the id of the child; in the order of positions. */
  readonly edges: ReadonlyMap<string, readonly InputEdge[]>
  /** Length of what was read, in characters. */
  readonly characters: number
  /** Whether a stored value may be tagged, so that it needs decoding. */
  readonly text: string
}

type EdgeText = readonly [
  child: string,
  position: number | null,
  name: string | null,
  join: string | null,
  state: JobState | null,
  value: unknown,
  error: unknown,
  fallback: readonly [unknown] | null,
  either: boolean,
  parent: string,
  empty: boolean,
]

/** Reads what nodes take from their parents; see `sql/functions/canvas/read_inputs.sql`. */
export async function readInputs(database: Database, ids: readonly string[]): Promise<Inputs> {
  const [row] = await database.call('read_inputs', [`{${ids.join(',')}}`])
  const text = String(row?.read_inputs)
  const answer = JSON.parse(text) as { kinds: Inputs['kinds']; edges: EdgeText[] }
  const edges = new Map<string, InputEdge[]>()
  for (const [
    child,
    position,
    name,
    join,
    state,
    value,
    error,
    fallback,
    either,
    parent,
    empty,
  ] of answer.edges) {
    const edge = { position, name, join, state, value, empty, error, fallback, either, parent }
    const known = edges.get(child)
    if (known === undefined) edges.set(child, [edge])
    else known.push(edge)
  }
  return { kinds: answer.kinds, edges, characters: text.length, text }
}
