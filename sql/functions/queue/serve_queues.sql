-- celeriac.serve_queues(uuid, text[]) → void
-- Says that a worker claims from other queues from now on, so that enqueuing there wakes it.
-- Writes:  workers (HOT update), queues (insert)      Locks: the worker      Called by: src/db/calls/queue.ts
create or replace function celeriac.serve_queues(p_worker_id uuid, p_queues text[])
returns void
language plpgsql
as $$
begin
  insert into celeriac.queues (name, created_at)
  select distinct served.name, celeriac.clock() from unnest(p_queues) as served (name)
  where not exists (select from celeriac.queues as queue where queue.name = served.name)
  order by served.name
  on conflict do nothing;
  update celeriac.workers as worker set queues = p_queues where worker.id = p_worker_id;
end
$$;
comment on function celeriac.serve_queues(uuid, text[]) is 'Says that a worker claims from other queues from now on, so that enqueuing there wakes it.';
