import { expect } from 'vitest'
import type { TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** A node of a workflow as its rows are. */
export interface Node {
  readonly id: string
  /** Its number in the plan; null for what came later. */
  readonly n: number | null
  readonly task: string
  /** Where values come together: a group, or a job that was replaced. */
  readonly join: 'list' | 'object' | 'value' | null
  readonly state: string
  readonly value: unknown
  readonly error: Readonly<Record<string, unknown>> | null
  readonly attempt: number
  readonly losses: number
  readonly queue: string
  readonly priority: number
  readonly labels: Readonly<Record<string, string>> | null
  readonly rootId: string | null
  readonly parentId: string | null
  readonly settledAt: Date | null
  readonly runs: number
  readonly lastRunAt: Date | null
  /** Of a scripted step. */
  readonly key: string | null
}

interface Edge {
  readonly parentId: string
  readonly childId: string
  readonly counted: boolean
  readonly either: boolean
}

/** The task of rows that are no jobs of the user's but where values come together. */
const JOIN = 'celeriac.group'

const COLUMNS = `id, args, options, task, attempt, losses, queue, priority, labels, root_id, parent_id`
const NODES = `
  with node as materialized (
    select ${COLUMNS}, state::text, value, error, settled_at from celeriac.results where workflow_id = $1 or id = $1
    union all
    select ${COLUMNS}, case when run_at is null then 'waiting' when worker_id is not null then 'running' else 'pending' end,
      null, null, null
    from celeriac.jobs where workflow_id = $1 or id = $1
  )
  select id, (options ->> 'n')::int as n, options ->> 'join' as join, task, state, value, error, attempt, losses, queue,
    priority, labels, root_id as "rootId", parent_id as "parentId", settled_at as "settledAt", run.*,
    case when jsonb_typeof(args -> -1) = 'object' then args -> -1 ->> 'key' end as key
  from node
  cross join lateral (
    select count(*)::int as runs, max(at) as "lastRunAt" from runs where runs.job_id = node.id
  ) as run
  order by id`

/** All nodes of a workflow, joins among them, in order of definition. */
export function allNodes(database: TestDatabase, workflowId: string): Promise<Node[]> {
  return database.query<Node & Record<string, unknown>>(NODES, [workflowId])
}

/** The nodes of a workflow that are jobs of the user's, in order of definition. */
export async function nodesOf(database: TestDatabase, workflowId: string): Promise<Node[]> {
  return (await allNodes(database, workflowId)).filter(({ task }) => task !== JOIN)
}

/**
 * Waits until a workflow has come to rest, its error handlers as well, and proves that it did so in order: every node is
 * settled and in one place, every edge is counted once, nothing ran that should not have.
 */
export async function assertQuiescent(database: TestDatabase, workflowId: string): Promise<void> {
  await until(async () => (await unsettled(database, workflowId)).length === 0, {
    what: `the end of workflow ${workflowId}`,
  }).catch(async () => expect(await unsettled(database, workflowId), 'still unsettled').toEqual([]))
  const nodes = await allNodes(database, workflowId)
  const edges = await database.query<Edge & Record<string, unknown>>(
    `select parent_id as "parentId", child_id as "childId", counted, either
      from celeriac.dependencies where workflow_id = $1`,
    [workflowId],
  )
  const [workflow] = await database.query<{ nodes: number; rootId: string }>(
    'select nodes, root_id as "rootId" from celeriac.workflows where id = $1',
    [workflowId],
  )
  expect([...wrongNodes(nodes, workflow?.rootId ?? null), ...wrongEdges(nodes, edges)]).toEqual([])
  expect(nodes.length, 'nodes that are there').toBeGreaterThanOrEqual(workflow?.nodes ?? 1)
}

/** What may never be, of nodes. */
function wrongNodes(nodes: readonly Node[], rootId: string | null): string[] {
  const ids = new Set<string>()
  return nodes.flatMap((node) => {
    const { id, task, state, error, join, runs, attempt } = node
    const wrong: string[] = []
    const say = (what: string): number => wrong.push(`${task} ${id} ${what}`)
    if (ids.has(id)) say('is in two places')
    ids.add(id)
    if (node.settledAt === null) say('is not settled')
    if (runs > 0 && (task === JOIN || (error !== null && 'upstream' in error && attempt === 0)))
      say('has run')
    if (runs > attempt) say('ran more often than attempts were made')
    if (runs === 0 && state === 'succeeded' && join === null) say('succeeded and has never run')
    if (rootId !== null && (node.rootId ?? id) !== rootId) say('is of another family')
    return wrong
  })
}

/** What may never be, of edges. */
function wrongEdges(nodes: readonly Node[], edges: readonly Edge[]): string[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  return edges.flatMap(({ parentId, childId, counted, either }) => {
    const [parent, child] = [byId.get(parentId), byId.get(childId)]
    const wrong: string[] = []
    const say = (what: string): number => wrong.push(`${parentId} to ${childId} ${what}`)
    if (parent === undefined || child === undefined) {
      say('leads from or to nowhere')
      return wrong
    }
    if (parent.state === 'succeeded' && !counted) say('is not counted')
    if (child.state !== 'succeeded') return wrong
    if (parent.state !== 'succeeded' && !either) say('has let its child succeed')
    // Of a join: when it is settled, by the clock of the transaction that did, says little about the order.
    if (child.join === null && Number(child.lastRunAt) < Number(parent.settledAt)) say('was not waited for')
    return wrong
  })
}

/** Jobs of a workflow, and of its error handlers, that are not settled. */
async function unsettled(database: TestDatabase, workflowId: string): Promise<string[]> {
  const rows = await database.query<{ job: string }>(
    `select concat_ws(' ', task, id, 'blockers', blockers, 'run_at', run_at, 'options', options) as job from celeriac.jobs
      where id = $1 or workflow_id = $1 or root_id = (select root_id from celeriac.workflows where id = $1)`,
    [workflowId],
  )
  return rows.map(({ job }) => job)
}
