-- celeriac.find_queues() → setof text
-- Lists the queues that hold jobs which time alone keeps from running.
-- A step of the index for each queue, however many jobs they hold.
-- Writes:  nothing      Called by: find_known_queues
create or replace function celeriac.find_queues()
returns setof text
language sql stable
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
  with recursive found (name) as (
    (select job.queue from celeriac.jobs as job where job.run_at is not null order by job.queue limit 1)
    union all
    select (
      select job.queue from celeriac.jobs as job
      where job.run_at is not null and job.queue > found.name
      order by job.queue
      limit 1
    )
    from found
    where found.name is not null
  )
  select found.name from found where found.name is not null
$$;
comment on function celeriac.find_queues() is 'Lists the queues that hold jobs which time alone keeps from running.';
