-- celeriac.find_lost(uuid, uuid[], bigint[]) → setof (job_id uuid, token bigint)
-- Which of the attempts that a worker believes to hold it holds no more. A notification that says so is a hint only:
-- anybody may send one.
-- Writes:  nothing
-- Called by: src/db/calls/find-lost.ts
create or replace function celeriac.find_lost(p_worker_id uuid, p_ids uuid[], p_tokens bigint[])
returns table (job_id uuid, token bigint)
language sql stable
set enable_seqscan = off
as $$
  select held.id, held.token
  from unnest(p_ids, p_tokens) as held (id, token)
  where not exists (
    select from celeriac.jobs as job
    where job.id = held.id and job.token = held.token and job.worker_id = p_worker_id
  )
$$;
comment on function celeriac.find_lost(uuid, uuid[], bigint[]) is 'Which of the attempts that a worker believes to hold it holds no more.';
