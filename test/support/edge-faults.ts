import { type Queryable, rowsOf } from './factory.ts'

/** What is wrong with edges and counters, recomputed from the rows: a canvas of which this finds anything may never end. */
export async function edgeFaults(database: Queryable): Promise<string[]> {
  const rows = await rowsOf(database, EDGE_FAULTS)
  return rows.map(({ fault }) => String(fault))
}

/** One row with a sentence per fault; reads one snapshot. */
export const EDGE_FAULTS = `
  with edge as (
    select dependency.*, parent.id is not null as parent_waits, child.id is not null as child_waits, ended.state
    from celeriac.dependencies as dependency
    left join celeriac.jobs as parent on parent.id = dependency.parent_id
    left join celeriac.jobs as child on child.id = dependency.child_id
    left join celeriac.results as ended on ended.id = dependency.parent_id
  )
  select format('%s (%s) waits for %s parents; %s of its edges are not counted', job.id, job.task, job.blockers, open.edges) as fault
  from celeriac.jobs as job
  cross join lateral (
    select count(*) as edges from edge where edge.child_id = job.id and not edge.counted
  ) as open
  where coalesce(job.blockers, 0) <> open.edges
  union all
  select format('%s (%s) waits for nothing and is not open', job.id, job.task)
  from celeriac.jobs as job
  where job.workflow_id is not null and job.run_at is null and coalesce(job.blockers, 0) = 0
  union all
  select format('%s (%s) is open and waits for %s parents', job.id, job.task, job.blockers)
  from celeriac.jobs as job
  where job.run_at is not null and job.blockers > 0
  union all
  select format('%s has ended (%s), and %s does not know', edge.parent_id, edge.state, edge.child_id)
  from edge
  where edge.state is not null and not edge.parent_waits and not edge.counted
  union all
  select format('%s has not ended, and %s has counted it', edge.parent_id, edge.child_id)
  from edge
  where edge.parent_waits and edge.counted
  union all
  select format('%s waits although %s, which it needs, has %s', edge.child_id, edge.parent_id, edge.state)
  from edge
  where edge.child_waits and not edge.parent_waits and not edge.either and edge.state <> 'succeeded'
  union all
  select format('%s is in both tables', job.id)
  from celeriac.jobs as job
  join celeriac.results as result on result.id = job.id
  where job.workflow_id is not null
`
