/* Canvases as rows, and the ends of their nodes, without an app: for tests about what SQL does with them. */
import { randomUUID } from 'node:crypto'
import { uuidv7 } from '../../src/base/ids.ts'
import { type Queryable, rowsOf } from '../support/factory.ts'
import { settleJobs } from '../support/verbs.ts'

/** A node by its name; the order of nodes is that of the definition. */
export interface NodeSpec {
  readonly join?: 'list' | 'object'
  /** Names of the nodes it waits for. */
  readonly after?: readonly string[]
  /** Whether those count also when they fail. */
  readonly either?: boolean
  /** The node it is a child of; the first it waits for, unless that is a member of it. */
  readonly parent?: string | null
  /** The first node inside a join. */
  readonly first?: string
  readonly onError?: boolean
}

/** A started canvas. */
export interface Canvas {
  readonly id: string
  /** Ids by names. */
  readonly ids: Readonly<Record<string, string>>
  /** Names by ids; an unknown id stays. */
  nameOf(id: unknown): string
  /** States by names; what is nowhere is absent. */
  states(): Promise<Record<string, string>>
  /** Ends a node that is due, as a worker of its own. */
  end(name: string, how?: unknown): Promise<void>
}

const PASSES = 1
const INTO_JOIN = 2
const EITHER = 4
const FROM_JOIN = 16

/** How a node ends when it throws. */
export const FAILS = { name: 'Error', message: 'boom' }

/** Starts a canvas of these nodes. */
export async function aCanvas(
  database: Queryable,
  specs: Readonly<Record<string, NodeSpec>>,
): Promise<Canvas> {
  const names = Object.keys(specs)
  const ids = Object.fromEntries(names.map((name) => [name, uuidv7()]))
  const place = (name: string): number => names.indexOf(name)
  const parentOf = ({ parent, join, after = [] }: NodeSpec): number | null =>
    parent !== undefined
      ? parent === null
        ? null
        : place(parent)
      : join !== undefined || after[0] === undefined
        ? null
        : place(after[0])
  const id = ids[names[0] ?? ''] ?? ''
  const plan = {
    id,
    rootId: id,
    outputId: ids[names.at(-1) ?? ''],
    name: names.join(' | '),
    ids: Object.values(ids),
    shapes: [
      { queue: 'default', task: 'work' },
      { queue: 'default', task: 'celeriac.group' },
    ],
    nodes: names.map((name) => {
      const spec = specs[name] ?? {}
      const options = {
        ...(spec.join === undefined && spec.after !== undefined && { in: true }),
        ...(spec.join !== undefined && {
          join: spec.join,
          first: place(spec.first ?? spec.after?.[0] ?? name),
        }),
        ...(spec.onError === true && { onError: [0] }),
      }
      return [spec.join === undefined ? 0 : 1, [name], parentOf(spec), options]
    }),
    edges: names.flatMap((name) =>
      (specs[name]?.after ?? []).map((parent, position) => {
        const joins = specs[name]?.join !== undefined
        const flags =
          PASSES +
          (joins ? INTO_JOIN : 0) +
          (specs[name]?.either === true ? EITHER : 0) +
          (specs[parent]?.join === undefined ? 0 : FROM_JOIN)
        return [
          place(parent),
          place(name),
          joins ? position : null,
          specs[name]?.join === 'object' ? parent : null,
          flags,
        ]
      }),
    ),
    errbacks: [[{ queue: 'default', task: 'tell' }, [], false]],
  }
  await rowsOf(database, 'select * from celeriac.start_workflow($1)', [JSON.stringify(plan)])
  const known = new Map(names.map((name) => [ids[name], name]))
  return {
    id,
    ids,
    nameOf: (one) => known.get(String(one)) ?? String(one),
    states: async () => {
      const rows = await rowsOf(
        database,
        'select id, state::text from celeriac.job_detail where workflow_id = $1 order by id',
        [id],
      )
      return Object.fromEntries(
        rows.map((row) => [known.get(String(row.id)) ?? 'errback', String(row.state)]),
      )
    },
    end: async (name, how = name) => {
      const worker = await takes(database, ids[name] ?? '')
      const [row] = await rowsOf(database, 'select token from celeriac.jobs where id = $1', [ids[name]])
      const attempt = { id: ids[name] ?? '', token: Number(row?.token) }
      if (how === FAILS) {
        const other = { ...attempt, kind: 'discarded' as const, error: FAILS }
        await settleJobs(database, worker, { others: [other] })
      } else await settleJobs(database, worker, { done: [[attempt.id, attempt.token, how]] })
    },
  }
}

/** Lets a worker take a job that is due; its id. */
export async function takes(database: Queryable, id: string): Promise<string> {
  const worker = randomUUID()
  const rows = await rowsOf(
    database,
    `update celeriac.jobs set worker_id = $2, token = token + 1, attempt = attempt + 1, claimed_at = celeriac.clock()
      where id = $1 and run_at <= celeriac.clock() and worker_id is null returning id`,
    [id, worker],
  )
  if (rows.length === 0) throw new Error(`job ${id} is not due`)
  return worker
}

/** Blockers of nodes that wait, by their names. */
export async function blockersOf(database: Queryable, canvas: Canvas): Promise<Record<string, number>> {
  const rows = await rowsOf(
    database,
    'select id, blockers from celeriac.jobs where workflow_id = $1 and run_at is null order by id',
    [canvas.id],
  )
  return Object.fromEntries(rows.map((row) => [canvas.nameOf(row.id), Number(row.blockers)]))
}
