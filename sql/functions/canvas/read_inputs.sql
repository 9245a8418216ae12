-- celeriac.read_inputs(uuid[]) → text
-- Reads what nodes take from their parents, and what joins come to, from the results of their parents.
-- Returns: JSON {"kinds": {join id: "list" | "object" | "value"},
--          "edges": [[child, position, name, join, state, value, error, fallback, either, parent, empty], …]}: join = the parent when
--          it is one, empty = nothing was returned,
--          with the edges of every join on the way
-- Writes:  nothing      Called by: src/db/calls/read-inputs.ts
create or replace function celeriac.read_inputs(p_ids uuid[])
returns text
language plpgsql stable
set jit = off
-- planner: as in find_outcomes.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_needed uuid[];
begin
  with recursive needed as (
    select id from unnest(p_ids) as id
    union
    select edge.parent_id
    from needed
    join celeriac.dependencies as edge on edge.child_id = needed.id
    where edge.passes and edge.from_join
  )
  select array_agg(needed.id) into v_needed from needed;

  return json_build_object(
    'kinds', (
      select coalesce(json_object_agg(job.id, job.options ->> 'join'), '{}')
      from (
        select result.id, result.options from celeriac.results as result where result.id = any (v_needed)
        union all
        select job.id, job.options from celeriac.jobs as job where job.id = any (v_needed)
      ) as job
      where job.options ? 'join'
    ),
    'edges', (
      select coalesce(json_agg(json_build_array(
        edge.child_id, edge.position, edge.name, case when edge.from_join then edge.parent_id end, result.state, result.value,
        result.error, edge.fallback, edge.either, edge.parent_id, result.value is null
      ) order by edge.child_id, edge.position, edge.name), '[]')
      from celeriac.dependencies as edge
      left join celeriac.results as result on result.id = edge.parent_id
      where edge.child_id = any (v_needed) and edge.passes
    )
  )::text;
end
$$;
comment on function celeriac.read_inputs(uuid[]) is 'Reads what nodes take from their parents, and what joins come to, from the results of their parents.';
