-- celeriac.find_known_queues() → setof text
-- Lists the queues that hold jobs, have been served or have lanes, for workers that claim from queues by pattern.
-- Writes:  nothing      Calls: find_queues      Called by: reopen, src/db/calls/queue.ts
create or replace function celeriac.find_known_queues()
returns setof text
language sql stable
as $$
  select queue.name from celeriac.queues as queue
  union
  select celeriac.find_queues()
  union
  select lane.queue from celeriac.lanes as lane where lane.state <> 'idle'
  order by 1
$$;
comment on function celeriac.find_known_queues() is 'Lists the queues that hold jobs, have been served or have lanes, for workers that claim from queues by pattern.';
