-- celeriac.resume(text, text) → text
-- Ends a pause, and wakes the workers that may have slept meanwhile.
-- Args:    p_kind, p_name  as they were paused
-- Returns: resumed, or running when it was not paused
-- Writes:  pauses (delete), limits (label)      Locks: the pause      Calls: reopen
-- Called by: src/db/calls/queue.ts, you
create or replace function celeriac.resume(p_kind text, p_name text)
returns text
language plpgsql
as $$
declare
  v_expires_at timestamptz;
begin
  delete from celeriac.pauses as pause where pause.kind = p_kind and pause.name = p_name
  returning coalesce(pause.expires_at, 'infinity') into v_expires_at;
  if v_expires_at is null then
    return 'running';
  end if;
  perform celeriac.reopen(p_kind, p_name);
  return case when v_expires_at > celeriac.clock() then 'resumed' else 'running' end;
end
$$;
comment on function celeriac.resume(text, text) is 'Ends a pause, and wakes the workers that may have slept meanwhile.';
