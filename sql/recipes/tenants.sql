-- Recipe: tenants that do not see each other, by row-level security. Nothing of it is there unless you apply it; workers
-- run the jobs of all tenants and are not slowed down.
-- Needs:   the roles of the schema (sql/roles/create_roles.sql); run it as the owner or a superuser, as often as you like.
-- A job belongs to the tenant its label says: task.with({ labels: { tenant: 'acme' } }). A login is one tenant's by a row:
--     insert into celeriac.tenants (login, tenant) values ('acme_app', 'acme');
-- '*' is for logins that see every tenant, such as your support. A login without a row is whose tenant it says by
-- itself, in the setting celeriac.tenant: that guards against mistakes of an application, not against whoever can send SQL
-- of his own. Set it with `set local` inside of a transaction, or once per pool with
-- options=-c celeriac.tenant=acme in the URL; a plain `set` through a transaction pooler would be seen by other clients.
-- Nobody said who it is: no rows. An id of somebody else is answered like one that nobody has.
-- Not covered: an id that a caller chooses is refused when another tenant has it; notifications tell ids and queues.
-- Locks:   each table for a moment.
create table if not exists celeriac.tenants (
  login name primary key,
  tenant text not null
);
comment on table celeriac.tenants is 'Which login belongs to which tenant; * sees all of them.';
comment on column celeriac.tenants.login is 'Name of the login, or of the role it has set.';
comment on column celeriac.tenants.tenant is 'What the label tenant of its jobs says.';
comment on index celeriac.tenants_pkey is 'One row per login.';
alter table celeriac.tenants owner to celeriac_owner;
revoke all on celeriac.tenants from public;

-- session_user, since functions act with the rights of the owner. Whoever may be a worker or the owner sees everything.
create or replace function celeriac.tenant_of_session()
returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_login constant name := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
  if pg_has_role(v_login, 'celeriac_worker', 'usage') or pg_has_role(v_login, 'celeriac_owner', 'usage') then
    return '*';
  end if;
  return coalesce(
    (select tenant.tenant from celeriac.tenants as tenant where tenant.login = v_login),
    nullif(nullif(current_setting('celeriac.tenant', true), ''), '*')
  );
end
$$;
comment on function celeriac.tenant_of_session() is 'The tenant this session acts for; * for all of them, null for none.';
alter function celeriac.tenant_of_session() owner to celeriac_owner;
revoke all on function celeriac.tenant_of_session() from public;
grant execute on function celeriac.tenant_of_session() to celeriac_producer, celeriac_viewer, celeriac_worker;

-- forced: functions and views read with the rights of the owner, who would else be let past.
alter table celeriac.jobs enable row level security;
alter table celeriac.jobs force row level security;
alter table celeriac.results enable row level security;
alter table celeriac.results force row level security;
alter table celeriac.attempts enable row level security;
alter table celeriac.attempts force row level security;

drop policy if exists jobs_of_workers on celeriac.jobs;
create policy jobs_of_workers on celeriac.jobs to celeriac_worker using (true);
drop policy if exists results_of_workers on celeriac.results;
create policy results_of_workers on celeriac.results to celeriac_worker using (true);
drop policy if exists attempts_of_workers on celeriac.attempts;
create policy attempts_of_workers on celeriac.attempts to celeriac_worker using (true);

-- The subquery is run once per statement, not once per row.
drop policy if exists jobs_of_tenant on celeriac.jobs;
create policy jobs_of_tenant on celeriac.jobs to celeriac_owner
  using ((select celeriac.tenant_of_session()) in ('*', labels ->> 'tenant'));
drop policy if exists results_of_tenant on celeriac.results;
create policy results_of_tenant on celeriac.results to celeriac_owner
  using ((select celeriac.tenant_of_session()) in ('*', labels ->> 'tenant'));
-- An attempt is its job's.
drop policy if exists attempts_of_tenant on celeriac.attempts;
create policy attempts_of_tenant on celeriac.attempts to celeriac_owner
  using (
    (select celeriac.tenant_of_session()) = '*'
    or exists (select from celeriac.jobs as job where job.id = job_id)
    or exists (select from celeriac.results as result where result.id = job_id)
  );
