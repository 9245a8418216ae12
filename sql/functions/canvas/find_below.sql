-- celeriac.find_below(uuid[], boolean) → uuid[]
-- What the end of nodes may touch: whoever settles them locks all of it, with the nodes and in id order, beforehand.
-- Args:    p_all  true: whatever is below, since a failure ends it all; false: what a success opens, which is the children
--                 and, where a child is a join, what is below that join
-- Writes:  nothing      Called by: lock_settling, cancel_jobs, kill_jobs, release_worker_jobs, lock_below
create or replace function celeriac.find_below(p_ids uuid[], p_all boolean)
returns uuid[]
language plpgsql stable
set plan_cache_mode = force_generic_plan
-- planner: edge by edge, whatever the statistics say; offset 0 keeps it from joining in another order.
set enable_seqscan = off
as $$
begin
  return (
    with recursive below as (
      select edge.child_id, edge.into_join from celeriac.dependencies as edge where edge.parent_id = any (p_ids)
      union
      select edge.child_id, edge.into_join
      from below
      cross join lateral (
        select * from celeriac.dependencies as edge where edge.parent_id = below.child_id offset 0
      ) as edge
      where p_all or below.into_join
    )
    select array_agg(below.child_id) from below
  );
end
$$;
comment on function celeriac.find_below(uuid[], boolean) is 'What the end of nodes may touch: whoever settles them locks all of it, with the nodes and in id order, beforehand.';
