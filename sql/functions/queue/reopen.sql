-- celeriac.reopen(text, text) → void
-- Lets in again what a pause kept out, after its row is gone.
-- Writes:  limits (label)      Calls: find_known_queues, wake_workers, reopen_limit      Called by: resume, expire_pauses
create or replace function celeriac.reopen(p_kind text, p_name text)
returns void
language plpgsql
-- planner: a step of jobs_for_claim per queue, whatever the statistics say.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
begin
  if p_kind = 'queue' then
    perform celeriac.wake_workers(p_name, to_timestamp(0));
  elsif p_kind = 'task' then
    -- Workers have looked past its jobs, so that each queue has to be looked at from the beginning: also one that seems to
    -- hold none, since whoever is enqueuing there at this moment woke workers that still saw the pause.
    perform celeriac.wake_workers(name, to_timestamp(0)) from celeriac.find_known_queues() as name;
  else
    update celeriac.limits as door set chosen = nullif(door.chosen - 'concurrency', '{}')
    where door.name = 'label:' || p_name;
    delete from celeriac.limits as door
    where door.name = 'label:' || p_name and door.declared is null and door.chosen is null;
    perform celeriac.touch_settings();
    perform celeriac.reopen_limit('label:' || p_name);
  end if;
end
$$;
comment on function celeriac.reopen(text, text) is 'Lets in again what a pause kept out, after its row is gone.';
