-- celeriac.wake_lanes(text[]) → void
-- Wakes idle workers of queues whose lanes have become ready and are so still: whoever made them so had no use for them.
-- Writes:  nothing      Calls: wake_workers      Called by: work_cycle
create or replace function celeriac.wake_lanes(p_queues text[])
returns void
language plpgsql
as $$
begin
  if not exists (select from celeriac.workers as worker where worker.idle) then
    return;
  end if;
  perform celeriac.wake_workers(ready.queue, celeriac.clock())
  from (select distinct unnest(p_queues)) as ready (queue)
  where exists (select from celeriac.lanes as lane where lane.queue = ready.queue and lane.state = 'ready')
    and exists (select from celeriac.workers as worker where worker.idle and ready.queue = any (worker.queues));
end
$$;
comment on function celeriac.wake_lanes(text[]) is 'Wakes idle workers of queues whose lanes have become ready and are so still: whoever made them so had no use for them.';
