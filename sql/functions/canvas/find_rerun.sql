-- celeriac.find_rerun(uuid[]) → origins uuid[], affected uuid[], settled uuid[]
-- What runs again when settled nodes do.
-- Args:    p_ids  nodes; those that are not settled yet are passed over
-- Returns: origins  the nodes themselves; for one that never began, what failed above it as well; for a group that succeeded,
--                   whatever is inside; and what made a value they take that was not kept
--          affected everything below those, settled or not, as far as nothing else that failed keeps it from running
--          settled  of both, what is settled: it has to come back; null for nothing
--          replaced  of those, jobs that were replaced and have to run themselves again: their input changes, or they are given
-- Writes:  nothing      Called by: rerun_jobs
create or replace function celeriac.find_rerun(
  p_ids uuid[], out origins uuid[], out affected uuid[], out settled uuid[], out replaced uuid[]
)
language plpgsql stable
set jit = off
-- planner: edge by edge, whatever the statistics say. "not in" is answered by a hash table, "<> all" by walking the array.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_stuck uuid[] := '{}';
  v_more uuid[];
begin
  with recursive origin (id, state, inside, before_id) as (
    -- The group is left when walking up comes to what stands before it; only for groups, lest each node walks by itself.
    select result.id, result.state, kind.grouped, case when kind.grouped then result.parent_id end
    from celeriac.results as result
    cross join lateral (
      select coalesce(result.options ->> 'join' <> 'value', false) and result.state = 'succeeded' as grouped
    ) as kind
    where result.id = any (p_ids)
    union
    select result.id, result.state, origin.inside, origin.before_id
    from origin
    join celeriac.dependencies as edge on edge.child_id = origin.id
    join celeriac.results as result on result.id = edge.parent_id
    where origin.inside and edge.parent_id is distinct from origin.before_id
      or origin.state <> 'succeeded' and result.state <> 'succeeded' and not edge.either
  )
  select array_agg(distinct origin.id) into origins from origin;

  loop
    v_stuck := '{}';
    loop
      with recursive below as (
        select edge.child_id as id from celeriac.dependencies as edge
        where edge.parent_id = any (origins) and edge.child_id not in (select unnest(v_stuck))
        union
        select edge.child_id
        from below
        join celeriac.dependencies as edge on edge.parent_id = below.id
        where edge.child_id not in (select unnest(v_stuck))
      )
      select array_agg(below.id) into affected from below;

      select array_agg(distinct edge.child_id) into v_more
      from celeriac.dependencies as edge
      join celeriac.results as result on result.id = edge.parent_id
      where edge.child_id = any (affected) and not edge.either and result.state <> 'succeeded'
        and edge.child_id not in (select unnest(origins)) and edge.parent_id not in (select unnest(affected || origins));
      exit when v_more is null;
      v_stuck := v_stuck || v_more;
    end loop;

    select array_agg(distinct result.id order by result.id) into settled
    from celeriac.results as result
    where result.id = any (origins || affected);

    -- What is taken from a job that kept no value for longer than it was needed has to be made again.
    with recursive taken as (
      select edge.parent_id, edge.drops, edge.from_join
      from celeriac.dependencies as edge
      where edge.child_id = any (settled) and edge.passes
      union
      select edge.parent_id, edge.drops, edge.from_join
      from taken
      join celeriac.dependencies as edge on edge.child_id = taken.parent_id and edge.passes
      where taken.from_join
    )
    select array_agg(distinct result.id) into v_more
    from taken
    join celeriac.results as result on result.id = taken.parent_id
    where taken.drops and result.value is null and result.state = 'succeeded'
      and result.id not in (select unnest(settled));
    exit when v_more is null;
    origins := origins || v_more;
  end loop;

  select array_agg(result.id) into replaced
  from celeriac.results as result
  where result.id = any (settled) and result.options ->> 'join' = 'value' and (
    result.id = any (p_ids) and result.state = 'succeeded'
    or exists (
      select from celeriac.dependencies as edge
      where edge.child_id = result.id and not edge.into_join and edge.parent_id = any (settled)
    )
  );
end
$$;
comment on function celeriac.find_rerun(uuid[]) is 'What runs again when settled nodes do.';
