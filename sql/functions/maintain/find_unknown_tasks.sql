-- celeriac.find_unknown_tasks(integer) → setof (task text, jobs bigint)
-- Names the tasks of due jobs that no living worker of their queue has registered: such jobs wait, however long.
-- Args:    p_most  due jobs to look at in each served queue, oldest first: an answer in bounded time, not a census
-- Writes:  nothing      Called by: src/db/calls/maintain.ts
create or replace function celeriac.find_unknown_tasks(p_most integer)
returns table (task text, jobs bigint)
language sql stable
as $$
  select due.task, count(*)
  from celeriac.queues as queue
  cross join lateral (
    select job.task from celeriac.jobs as job
    where job.queue = queue.name and job.run_at <= celeriac.clock() and job.worker_id is null
    order by job.priority desc, job.run_at, job.id
    limit p_most
  ) as due
  where exists (select from celeriac.workers as worker where queue.name = any (worker.queues))
    and not exists (
      select from celeriac.workers as worker where queue.name = any (worker.queues) and due.task = any (worker.tasks)
    )
  group by due.task
  order by count(*) desc
$$;
comment on function celeriac.find_unknown_tasks(integer) is 'Names the tasks of due jobs that no living worker of their queue has registered: such jobs wait, however long.';
