-- celeriac.read_inputs(uuid[]) → text
-- Reads what nodes take from their parents, and what joins come to, from the results of their parents.
-- Returns: JSON {"kinds": {id of a join without members: "list" | "object"},
--          "edges": [[child, position, name, join, state, value, error, fallback, either, parent, empty], …]}: join = the parent when
--          it is one, empty = nothing was returned,
--          with the edges of every join on the way
-- Writes:  nothing      Called by: src/db/calls/read-inputs.ts
create or replace function celeriac.read_inputs(p_ids uuid[])
returns text
language plpgsql stable
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: as in find_below.
set enable_seqscan = off
as $$
declare
  v_needed uuid[];
  v_edges text;
  v_kinds text;
begin
  with recursive needed as (
    select id from unnest(p_ids) as id
    union
    select edge.parent_id
    from needed
    cross join lateral (
      select * from celeriac.dependencies as edge
      where edge.child_id = needed.id and edge.passes and edge.from_join
      offset 0
    ) as edge
  )
  select array_agg(needed.id) into v_needed from needed;

  select json_agg(json_build_array(
    edge.child_id, edge.position, edge.name, case when edge.from_join then edge.parent_id end, result.state, result.value,
    result.error, edge.fallback, edge.either, edge.parent_id, result.value is null
  ) order by edge.child_id, edge.position, edge.name)::text
  into v_edges
  from celeriac.dependencies as edge
  left join lateral (
    select * from celeriac.results as result where result.id = edge.parent_id limit 1
  ) as result on true
  where edge.child_id = any (v_needed) and edge.passes;

  -- Only of a join without members the edges do not say what it makes.
  if exists (
    select from unnest(v_needed) as id
    where not exists (select from celeriac.dependencies as edge where edge.child_id = id and edge.passes)
  ) then
    select json_object_agg(result.id, result.options ->> 'join')::text
    into v_kinds
    from celeriac.results as result
    where result.id = any (v_needed) and result.options ? 'join'
      and not exists (select from celeriac.dependencies as edge where edge.child_id = result.id and edge.passes);
  end if;
  return '{"kinds":' || coalesce(v_kinds, '{}') || ',"edges":' || coalesce(v_edges, '[]') || '}';
end
$$;
comment on function celeriac.read_inputs(uuid[]) is 'Reads what nodes take from their parents, and what joins come to, from the results of their parents.';
