-- celeriac.role_prefix() → text
-- What the names of this schema's roles begin with, such as celeriac for celeriac_worker; null while it has none.
-- They are in use when the schema belongs to <prefix>_owner and the others may see it: sql/roles/create_roles.sql.
-- Writes:  nothing      Called by: sql/roles/grant_rights.sql, src/migrate/roles.ts, src/inspect/health.ts
create or replace function celeriac.role_prefix()
returns text
language sql stable
as $$
  select left(owner.rolname, -6)
  from pg_namespace as space
  join pg_roles as owner on owner.oid = space.nspowner and owner.rolname ~ '_owner$'
  where space.nspname = 'celeriac'
    and (
      select count(*) from pg_roles as role
      where role.rolname = any (array (
          select left(owner.rolname, -5) || suffix
          from unnest(array['worker', 'producer', 'operator', 'viewer', 'viewer_data']) as suffix
        ))
        and has_schema_privilege(role.oid, space.oid, 'usage')
    ) = 5
$$;
comment on function celeriac.role_prefix() is 'What the names of this schema''s roles begin with, such as celeriac for celeriac_worker; null while it has none.';
