-- celeriac.drop_values(uuid[]) → void
-- Forgets values that were kept only because nodes needed them (ignoreResult), once all that needed them are settled.
-- Args:    p_ids  settled nodes that took such values
-- Writes:  results (update)      Called by: advance_dependencies
create or replace function celeriac.drop_values(p_ids uuid[])
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  with recursive above as (
    select edge.parent_id, edge.drops, edge.from_join
    from celeriac.dependencies as edge
    where edge.child_id = any (p_ids) and edge.passes
      and not exists (
        select from celeriac.dependencies as other join celeriac.jobs as job on job.id = other.child_id
        where other.parent_id = edge.parent_id
      )
    union
    select edge.parent_id, edge.drops, edge.from_join
    from above
    cross join lateral (
      select * from celeriac.dependencies as edge where edge.child_id = above.parent_id and edge.passes offset 0
    ) as edge
    where above.from_join
  )
  update celeriac.results as result
  set value = null
  from above
  where result.id = any (array (select above.parent_id from above)) and result.id = above.parent_id and above.drops and result.value is not null;
end
$$;
comment on function celeriac.drop_values(uuid[]) is 'Forgets values that were kept only because nodes needed them (ignoreResult), once all that needed them are settled.';
