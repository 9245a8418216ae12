-- celeriac.declare_limits(jsonb, text[], text[]) → text[]
-- Stores what the code of a worker says that limits grant. What was chosen at run time stays, and wins.
-- Args:    p_declared  [{"name", "settings": as limits.declared}, …]
--          p_owners    tasks and queues whose limits these are all, as task:<task> and queue:<queue>: one that is stored as
--                      declared and not among them is taken back
--          p_used      names that jobs of the worker use and that it does not declare
-- Returns: those of p_used that nobody has said anything of: they limit nothing
-- Writes:  limits, settings, arrivals      Locks: rows that change, in order of names, then settings
-- Calls:   touch_settings, respace_limit      Called by: src/db/calls/limit.ts
create or replace function celeriac.declare_limits(p_declared jsonb, p_owners text[], p_used text[])
returns text[]
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_changed text[];
begin
  -- Looked at first: where nothing has changed, as in most starts, nothing is locked.
  v_changed := array (
    select said.name
    from jsonb_to_recordset(p_declared) as said (name text, settings jsonb)
    where not exists (select from celeriac.limits as one where one.name = said.name and one.declared = said.settings)
    union
    select one.name from celeriac.limits as one
    where one.declared is not null
      and regexp_replace(one.name, '/(rate|concurrency|exclusive)(/[1-9][0-9]*)?$', '') = any (p_owners)
      and one.name ~ '^(task|queue):'
      and one.name <> all (array (select said ->> 'name' from jsonb_array_elements(p_declared) as said))
    order by 1
  );
  if cardinality(v_changed) > 0 then
    insert into celeriac.limits as one (name, declared, declared_at)
    select name, (select said -> 'settings' from jsonb_array_elements(p_declared) as said where said ->> 'name' = name), v_now
    from unnest(v_changed) as name
    order by name
    on conflict (name) do update set declared = excluded.declared, declared_at = excluded.declared_at;
    delete from celeriac.limits as one where one.name = any (v_changed) and one.declared is null and one.chosen is null;
    perform celeriac.respace_limit(name) from unnest(v_changed) as name;
    perform celeriac.touch_settings();
  end if;
  return array (
    select name from unnest(p_used) as name
    where not exists (select from celeriac.limits as one where one.name = name.name)
    order by name
  );
end
$$;
comment on function celeriac.declare_limits(jsonb, text[], text[]) is 'Stores what the code of a worker says that limits grant. What was chosen at run time stays, and wins.';
