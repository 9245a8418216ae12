-- Roles of schema celeriac: who may do what with it, each as little as it needs.
--   celeriac_owner        owns everything; a login that is granted it runs `celeriac migrate`
--   celeriac_worker       runs jobs, with all the maintenance that goes with it; makes and drops nothing by itself
--   celeriac_producer     enqueues, reads and cancels jobs whose ids it knows; has no right on any table
--   celeriac_operator     is a viewer, and cancels, kills, retries and forgets jobs
--   celeriac_viewer       reads the views without args, results, progress and the texts of errors
--   celeriac_viewer_data  reads the views whole
-- Run by:  somebody who may create roles and owns the schema, or a superuser; before or after `celeriac migrate`, as often
--          as you like. grant_rights.sql follows, here and with every later `celeriac migrate`.
-- Roles belong to the whole cluster: where two databases have a schema of this name, their roles are the same ones. Keep
-- them apart by names (`celeriac migrate --roles --prefix shop`), or by the right to connect to the database.
do $$
declare
  v_role record;
begin
  for v_role in
    select * from (values
      ('celeriac_owner', 'Owns schema celeriac; for logins that migrate it.'),
      ('celeriac_worker', 'Runs the jobs of schema celeriac.'),
      ('celeriac_producer', 'Enqueues jobs into schema celeriac, and reads and cancels those whose ids it knows.'),
      ('celeriac_operator', 'Cancels, kills, retries and forgets jobs of schema celeriac, and sees what a viewer sees.'),
      ('celeriac_viewer', 'Reads the views of schema celeriac without what jobs carry.'),
      ('celeriac_viewer_data', 'Reads the views of schema celeriac whole.')
    ) as listed (name, comment)
  loop
    begin
      if not exists (select from pg_roles where rolname = v_role.name) then
        execute format('create role %I nologin', v_role.name);
        execute format('comment on role %I is %L', v_role.name, v_role.comment);
      end if;
    exception when duplicate_object or unique_violation then
      -- Somebody made it at this very moment, for another database of the cluster.
      null;
    end;
  end loop;
end
$$;
grant celeriac_viewer to celeriac_viewer_data, celeriac_operator;

-- Functions that act for others act with the rights of their owner: that is a role which may do nothing else, and never
-- a superuser. Who owned the schema before keeps what he could do, as a member; take it from him when no app needs it.
do $$
declare
  v_owner record;
begin
  if not pg_has_role(current_user, 'celeriac_owner', 'usage') then
    grant celeriac_owner to current_user;
  end if;
  if not exists (select from pg_namespace where nspname = 'celeriac') then
    create schema celeriac authorization celeriac_owner;
    return;
  end if;
  for v_owner in
    select distinct owner.rolname as name
    from pg_namespace as space
    left join pg_class as class on class.relnamespace = space.oid
    join pg_roles as owner on owner.oid in (space.nspowner, class.relowner)
    where space.nspname = 'celeriac' and not owner.rolsuper and not pg_has_role(owner.oid, 'celeriac_owner', 'usage')
  loop
    execute format('grant celeriac_owner to %I', v_owner.name);
  end loop;
  alter schema celeriac owner to celeriac_owner;
end
$$;

revoke all on schema celeriac from public;
grant usage on schema celeriac to celeriac_worker, celeriac_producer, celeriac_operator, celeriac_viewer, celeriac_viewer_data;
-- A function that somebody adds by hand is nobody else's until he says so.
alter default privileges for role celeriac_owner revoke execute on functions from public;
