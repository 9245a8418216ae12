-- celeriac.find_held(uuid) → setof (job_id uuid, token bigint)
-- What the table says a worker holds: a walk over jobs, since no index names who runs them.
-- Writes:  nothing
-- Called by: src/db/calls/worker.ts
create or replace function celeriac.find_held(p_worker_id uuid)
returns table (job_id uuid, token bigint)
language sql stable
as $$
  select job.id, job.token from celeriac.jobs as job where job.worker_id = p_worker_id
$$;
comment on function celeriac.find_held(uuid) is 'What the table says a worker holds: a walk over jobs, since no index names who runs them.';
