-- celeriac.read_settings() → text
-- Tells a worker what was changed at run time that decides whether a job may begin: limits of tasks, queues and labels
-- that no code declares, or that somebody has changed since.
-- Returns: JSON {"version": of the settings, "chosen": [name, …]}
-- Writes:  nothing      Called by: src/db/calls/settings.ts
create or replace function celeriac.read_settings()
returns text
language sql stable
as $$
  select json_build_object(
    'version', settings.version,
    'chosen', coalesce((
      select json_agg(rule.name order by rule.name) from celeriac.limits as rule
      where (rule.chosen is not null or rule.declared is null) and rule.name ~ '^(task|queue|label):'
    ), '[]')
  )::text
  from celeriac.settings as settings
$$;
comment on function celeriac.read_settings() is 'Tells a worker what was changed at run time that decides whether a job may begin: limits of tasks, queues and labels that no code declares, or that somebody has changed since.';
