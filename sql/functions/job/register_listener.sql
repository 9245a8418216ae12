-- celeriac.register_listener(uuid, double precision) → void
-- Says that a process waits for results, so that settled jobs are announced; renewed for as long as it waits.
-- Args:    p_ttl_ms  how long to believe it; 0 or less takes the registration back
-- Writes:  listeners      Called by: src/db/calls/listener.ts
create or replace function celeriac.register_listener(p_id uuid, p_ttl_ms double precision)
returns void
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
begin
  if p_ttl_ms <= 0 then
    delete from celeriac.listeners as listener where listener.id = p_id;
    return;
  end if;
  insert into celeriac.listeners (id, expires_at)
  values (p_id, v_now + p_ttl_ms * interval '1 millisecond')
  on conflict (id) do update set expires_at = excluded.expires_at;
end
$$;
comment on function celeriac.register_listener(uuid, double precision) is 'Says that a process waits for results, so that settled jobs are announced; renewed for as long as it waits.';
