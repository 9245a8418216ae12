-- celeriac.schema_version() → version integer, oldest integer
-- Says which SQL is installed, and the oldest celeriac that still runs on it (rolling deploys: old workers, new schema).
-- Returns: version = what src/migrate/version.ts must not be ahead of; oldest = what it must not be behind
-- Writes:  nothing      Called by: src/migrate/check.ts
create or replace function celeriac.schema_version(out version integer, out oldest integer)
language sql stable parallel safe
as $$
  select 4, 3
$$;
comment on function celeriac.schema_version() is 'Says which SQL is installed, and the oldest celeriac that still runs on it (rolling deploys: old workers, new schema).';
