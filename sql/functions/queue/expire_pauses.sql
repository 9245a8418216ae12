-- celeriac.expire_pauses() → integer
-- Removes pauses whose end has come.
-- Those of queues and tasks have not counted since that instant; those of labels end here.
-- Returns: how many were removed
-- Writes:  pauses (delete), limits (label)      Locks: the pauses and limits; what somebody holds is left for the next time
-- Calls:   reopen      Called by: run_round
create or replace function celeriac.expire_pauses()
returns integer
language plpgsql
-- A round must not stand still because somebody has changed a limit in a transaction that goes on.
set lock_timeout = '50ms'
as $$
declare
  v_over record;
  v_count integer := 0;
begin
  for v_over in
    select pause.kind, pause.name from celeriac.pauses as pause
    where pause.expires_at <= celeriac.clock()
    order by pause.kind, pause.name
    for update skip locked
  loop
    begin
      delete from celeriac.pauses as pause where pause.kind = v_over.kind and pause.name = v_over.name;
      perform celeriac.reopen(v_over.kind, v_over.name);
    exception when lock_not_available then
      exit;
    end;
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
comment on function celeriac.expire_pauses() is 'Removes pauses whose end has come.';
