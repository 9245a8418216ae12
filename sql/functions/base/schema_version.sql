-- celeriac.schema_version() → version integer, oldest integer
-- Says which SQL is installed, and the oldest celeriac that still runs on it (rolling deploys: old workers, new schema).
-- Workers of version 1 call functions whose parameters have changed since. An upgrade leaves those where they are, for as
-- long as such workers may run; a new installation never had them. So what is here decides.
-- Returns: version = what src/migrate/version.ts must not be ahead of; oldest = what it must not be behind
-- Writes:  nothing      Called by: src/migrate/check.ts
create or replace function celeriac.schema_version(out version integer, out oldest integer)
language sql stable parallel safe
as $$
  select 3, case
    when to_regprocedure(
      'celeriac.register_worker(uuid, bigint, text, text, integer, text, text[], text[], integer)'
    ) is null then 2
    else 1
  end
$$;
comment on function celeriac.schema_version() is 'Says which SQL is installed, and the oldest celeriac that still runs on it (rolling deploys: old workers, new schema).';
