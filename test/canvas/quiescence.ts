import { expect } from 'vitest'
import type { TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** A node of a workflow as its rows are. */
export interface Node {
  readonly id: string
  /** Its number in the plan; null for what came later. */
  readonly n: number | null
  readonly task: string
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
  readonly runs: number
  /** Of a scripted step. */
  readonly key: string | null
}

/** The task of rows that are no jobs of the user's but where values come together. */
const JOIN = 'celeriac.group'

const NODES = `
  select row.id, (row.options ->> 'n')::int as n, row.task, row.state, row.value, row.error, row.attempt, row.losses,
    row.queue, row.priority, row.labels, row.root_id as "rootId", row.parent_id as "parentId",
    case when jsonb_typeof(row.args -> -1) = 'object' then row.args -> -1 ->> 'key' end as key,
    (select count(*)::int from runs where runs.job_id = row.id) as runs
  from (
    select id, args, options, task, state::text, value, error, attempt, losses, queue, priority, labels, root_id, parent_id, workflow_id
      from celeriac.results
    union all
    select id, args, options, task,
      case when run_at is null then 'waiting' when worker_id is not null then 'running' else 'pending' end,
      null, null, attempt, losses, queue, priority, labels, root_id, parent_id, workflow_id
      from celeriac.jobs
  ) as row
  where coalesce(row.workflow_id, row.id) = $1
  order by row.id`

/** All nodes of a workflow, joins among them, in order of definition. */
export function allNodes(database: TestDatabase, workflowId: string): Promise<Node[]> {
  return database.query<Node & Record<string, unknown>>(NODES, [workflowId])
}

/** The nodes of a workflow that are jobs of the user's, in order of definition. */
export async function nodesOf(database: TestDatabase, workflowId: string): Promise<Node[]> {
  return (await allNodes(database, workflowId)).filter(({ task }) => task !== JOIN)
}

/** `task state` of each node, in order of definition. */
export async function statesOf(database: TestDatabase, workflowId: string): Promise<string[]> {
  return (await nodesOf(database, workflowId)).map(({ task, state }) => `${task} ${state}`)
}

/** What may never be, of a workflow that has come to rest; each query gives a line for each case it finds. */
const NEVER: Readonly<Record<string, string>> = {
  'a node is in two places, or in one twice': `
    select id::text from (
      select id from celeriac.jobs where workflow_id = $1
      union all select id from celeriac.results where workflow_id = $1
    ) as place group by id having count(*) > 1`,
  'an edge leads from or to nowhere': `
    select edge.parent_id || ' to ' || edge.child_id from celeriac.dependencies as edge
    where edge.workflow_id = $1
      and not (exists (select from celeriac.results where id = edge.parent_id)
        and exists (select from celeriac.results where id = edge.child_id))`,
  'an edge after a success is not counted': `
    select edge.parent_id || ' to ' || edge.child_id from celeriac.dependencies as edge
    join celeriac.results as parent on parent.id = edge.parent_id
    where edge.workflow_id = $1 and parent.state = 'succeeded' and not edge.counted`,
  'a child succeeded before all its parents had settled': `
    select edge.parent_id || ' to ' || edge.child_id from celeriac.dependencies as edge
    join celeriac.results as parent on parent.id = edge.parent_id
    join celeriac.results as child on child.id = edge.child_id
    where edge.workflow_id = $1 and child.state = 'succeeded'
      and (parent.settled_at > (select max(at) from runs where job_id = child.id and not child.options ? 'join')
        or (parent.state <> 'succeeded' and not edge.either))`,
  'what never ran has run': `
    select result.id::text from celeriac.results as result join runs on runs.job_id = result.id
    where result.workflow_id = $1 and (result.task = 'celeriac.group' and result.args = '[]'
      and not exists (select from runs as own where own.job_id = result.id and own.task <> 'celeriac.group')
      or result.error ? 'upstream')`,
  'a handler ran more often than attempts were made': `
    select result.id::text from celeriac.results as result
    where result.workflow_id = $1 and result.task <> 'celeriac.group'
      and (select count(*) from runs where job_id = result.id) > result.attempt`,
  'what succeeded has never run': `
    select result.id::text from celeriac.results as result
    where result.workflow_id = $1 and result.task <> 'celeriac.group' and result.state = 'succeeded'
      and not exists (select from runs where job_id = result.id)`,
  'a node is of another family': `
    select result.id::text from celeriac.results as result join celeriac.workflows as workflow on workflow.id = $1
    where result.workflow_id = $1 and coalesce(result.root_id, result.id) <> workflow.root_id`,
}

/**
 * Waits until a workflow has come to rest, its error handlers as well, and proves that it did so in order: every node is
 * settled and in one place, every edge is counted once, nothing ran that should not have.
 */
export async function assertQuiescent(database: TestDatabase, workflowId: string): Promise<void> {
  await until(async () => (await unsettled(database, workflowId)).length === 0, {
    timeoutMs: 5_000,
    what: `the end of workflow ${workflowId}`,
  }).catch(async () => expect(await unsettled(database, workflowId), 'still unsettled').toEqual([]))
  const found: string[] = []
  for (const [what, query] of Object.entries(NEVER)) {
    for (const row of await database.query<Record<string, unknown>>(query, [workflowId]))
      found.push(`${what}: ${Object.values(row).join(' ')}`)
  }
  expect(found).toEqual([])
  const [workflow] = await database.query<{ nodes: number; rows: number }>(
    `select nodes, (select count(*)::int from celeriac.results where workflow_id = $1) as rows
      from celeriac.workflows where id = $1`,
    [workflowId],
  )
  expect(workflow?.rows ?? 0, 'nodes that are there').toBeGreaterThanOrEqual(workflow?.nodes ?? 0)
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
