/* Two canvases for races on rows: nodes in every state, and the verbs that are about nodes. */
import { randomUUID } from 'node:crypto'
import { rowsOf } from '../support/factory.ts'
import type { TestDatabase } from '../support/postgres.ts'
import type { Session } from '../support/session.ts'
import { settleJobs } from '../support/verbs.ts'

/** Nodes that all verbs want; ids in no order, so that parents stand before and behind what waits for them. */
export interface RacedCanvas {
  readonly workflow: string
  readonly ids: readonly string[]
  /** Runs; a chain of three waits for it. */
  readonly step: string
  /** The last of that chain. */
  readonly deepest: string
  /** Runs; member of a group. */
  readonly member: string
  /** Has failed, with members that still run. */
  readonly fallenGroup: string
}

const PASSES = 1
const MEMBER = 3
const EITHER = 4
const DROPS = 8
const FROM_JOIN = 16

type Edge = readonly [parent: string, child: string, flags?: number]

interface Drawing {
  /** Names in order of definition, each with its options. */
  readonly nodes: Readonly<Record<string, object | null>>
  readonly edges: readonly Edge[]
}

const IN = { in: true }
const CALLS = { onError: [0] }
const LIST = { join: 'list', first: 0, ...CALLS }

const FIRST: Drawing = {
  nodes: {
    ...{ step: CALLS, one: IN, two: IN, three: IN },
    ...{ m1: CALLS, m2: null, m3: null, group: LIST, body: IN, linked: IN },
    ...{ maybe: CALLS, after: IN },
    ...{ inner: CALLS, replaced: { ...IN, join: 'value', ...CALLS }, next: IN },
    ...{ done: null, threw: CALLS, never: IN },
    ...{ k0: null, k1: null, k2: CALLS, fallen: LIST, kbody: IN },
    ...{ dropped: { ignoreResult: true, needed: true }, taker: { ...IN, drops: true } },
  },
  edges: [
    ...([
      ['step', 'one'],
      ['one', 'two'],
      ['two', 'three'],
    ] as const),
    ...([
      ['m1', 'group', MEMBER],
      ['m2', 'group', MEMBER],
      ['m3', 'group', MEMBER],
    ] as const),
    ...([
      ['group', 'body', PASSES + FROM_JOIN],
      ['body', 'linked'],
      ['maybe', 'after', PASSES + EITHER],
    ] as const),
    ...([
      ['inner', 'replaced', MEMBER],
      ['replaced', 'next', PASSES + FROM_JOIN],
    ] as const),
    ...([
      ['done', 'threw'],
      ['threw', 'never'],
    ] as const),
    ...([
      ['k0', 'fallen', MEMBER],
      ['k1', 'fallen', MEMBER],
      ['k2', 'fallen', MEMBER],
    ] as const),
    ...([
      ['fallen', 'kbody', PASSES + FROM_JOIN],
      ['dropped', 'taker', PASSES + DROPS],
    ] as const),
  ],
}

const SECOND: Drawing = {
  nodes: { lone: CALLS, follows: IN, l0: null, l1: CALLS, l2: null, lost: LIST },
  edges: [
    ['lone', 'follows'],
    ...([
      ['l0', 'lost', MEMBER],
      ['l1', 'lost', MEMBER],
      ['l2', 'lost', MEMBER],
    ] as const),
  ],
}

const RUNNING = ['step', 'm1', 'm2', 'maybe', 'k1', 'k2', 'lone', 'l1', 'l2']
const SUCCEEDED = ['done', 'dropped']
const FAILED = ['threw', 'k0', 'l0']
/** Opened by one that has succeeded. */
const RUNNING_NEXT = ['taker']

/** Two canvases of a queue whose running nodes a worker holds by token 1. */
export async function aRacedCanvas(
  database: TestDatabase,
  queue: string,
  worker: string,
): Promise<RacedCanvas> {
  const [first, second] = [drawn(FIRST, queue), drawn(SECOND, queue)]
  const ids: Record<string, string> = { ...first.ids, ...second.ids }
  const named = (names: readonly string[]): string[] => names.map((name) => ids[name] ?? '')
  await Promise.all([start(database, first.plan), start(database, second.plan)])
  await hold(database, worker, named([...RUNNING, ...SUCCEEDED, 'k0', 'l0']))
  const failed = (name: string) => ({ ...attempt(ids[name]), kind: 'discarded' as const, error: BOOM })
  const succeeded = (name: string) => ({ ...attempt(ids[name]), kind: 'succeeded' as const, value: name })
  await settleJobs(database, worker, {
    others: [...SUCCEEDED.map(succeeded), failed('k0'), failed('l0')],
  })
  await hold(database, worker, named([...RUNNING_NEXT, 'threw']))
  await settleJobs(database, worker, { others: FAILED.slice(0, 1).map(failed) })
  return {
    workflow: first.plan.id,
    ids: Object.values(ids),
    step: ids.step ?? '',
    deepest: ids.three ?? '',
    member: ids.m1 ?? '',
    fallenGroup: ids.fallen ?? '',
  }
}

const BOOM = { name: 'Error', message: 'boom' }
const attempt = (id = '') => ({ id, token: 1, node: true }) as const

async function hold(database: TestDatabase, worker: string, ids: readonly string[]): Promise<void> {
  await database.query(
    `with mine as materialized (
      select job.id from celeriac.jobs as job where job.id = any ($2) and job.run_at is not null order by job.id for update
    )
    update celeriac.jobs as job set worker_id = $1, token = 1, attempt = 1, claimed_at = now()
      from mine where job.id = mine.id`,
    [worker, ids],
  )
}

interface DrawnPlan {
  readonly id: string
  readonly ids: readonly string[]
}

function drawn({ nodes, edges }: Drawing, queue: string): { plan: DrawnPlan; ids: Record<string, string> } {
  const names = Object.keys(nodes)
  const ids = Object.fromEntries(names.map((name) => [name, randomUUID()]))
  const all = Object.values(ids)
  const plan = {
    ...{ id: all[0] ?? '', rootId: all[0], outputId: all.at(-1), name: names.join(' | '), ids: all },
    ...shapesOf(queue),
    nodes: names.map((name) => {
      const from = edges.find(([, child]) => child === name)?.[0]
      return [0, [name], from === undefined ? null : names.indexOf(from), nodes[name]]
    }),
    edges: edges.map(([parent, child, flags = PASSES], position) => [
      ...[names.indexOf(parent), names.indexOf(child)],
      ...[(flags & 2) > 0 ? position : null, null, flags],
    ]),
  }
  return { plan, ids }
}

function shapesOf(queue: string): object {
  return { shapes: [{ queue, task: 'work' }], errbacks: [[{ queue, task: 'work' }, [], false]] }
}

async function start(
  database: { query(text: string, values?: unknown[]): Promise<unknown> },
  plan: object,
): Promise<void> {
  await database.query('select * from celeriac.start_workflow($1)', [JSON.stringify(plan)])
}

/** Starts a canvas whose end has an id that somebody chose. */
export async function startCanvas(session: Session, queue: string, outputId: string): Promise<unknown> {
  const plan = {
    ...{
      id: randomUUID(),
      rootId: randomUUID(),
      outputId,
      name: 'new',
      givenId: true,
      ids: [randomUUID(), outputId],
    },
    ...shapesOf(queue),
    nodes: [
      [0, [], null, CALLS],
      [0, [], 0, IN],
    ],
    edges: [[0, 1, null, null, PASSES]],
  }
  return tolerating(['ZC002'], start(session, plan))
}

/** How nodes end, in turns. */
export type NodeEnd =
  | 'succeeded'
  | 'added'
  | 'replaced'
  | 'discarded'
  | 'errored'
  | 'failed'
  | 'cancelled'
  | 'released'
export const NODE_ENDS = [
  'succeeded',
  'failed',
  'replaced',
  'added',
  'errored',
  'cancelled',
  'discarded',
  'released',
] as const

/** What a worker says of a node that has come to such an end. */
export function endOf(id: string, token: number, end: NodeEnd, queue: string): object {
  const how = {
    succeeded: { kind: 'succeeded', value: 1 },
    added: { kind: 'succeeded', value: 1, plan: smallPlan(queue, MEMBER) },
    replaced: { kind: 'replaced', plan: { ...smallPlan(queue, MEMBER), name: 'other' } },
    discarded: { kind: 'discarded', error: BOOM },
    failed: { kind: 'errored', error: BOOM, delayMs: null },
    errored: { kind: 'errored', error: BOOM, delayMs: 0 },
    cancelled: { kind: 'cancelled', reason: 'boom' },
    released: { kind: 'released' },
  }
  return { id, token, node: true, ...how[end] }
}

/** Two nodes one after the other, the last of which somebody outside waits for. */
function smallPlan(queue: string, flags: number): object {
  return {
    ids: [randomUUID(), randomUUID()],
    ...shapesOf(queue),
    nodes: [
      [0, [], null, CALLS],
      [0, [], 0, IN],
    ],
    edges: [
      [0, 1, null, null, PASSES],
      [1, -1, 0, null, flags],
    ],
  }
}

/** Jobs of a worker among these, and whether they are nodes; what it holds may change before it is settled. */
export async function heldOf(
  session: Session,
  worker: string,
  ids: readonly string[],
): Promise<Map<string, { readonly token: number; readonly node: boolean }>> {
  const rows = await rowsOf(
    session,
    `select id, token::int as token, coalesce(options ? 'n', false) as node from celeriac.jobs
      where worker_id = $1 and id = any ($2)`,
    [worker, ids],
  )
  return new Map(
    rows.map(({ id, token, node }) => [String(id), { token: Number(token), node: node === true }]),
  )
}

/** A refusal that belongs to the verb is a proper end. */
export async function tolerating(codes: readonly string[], call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => {
    if (!codes.includes(String((error as { code?: string }).code))) throw error
  })
}
