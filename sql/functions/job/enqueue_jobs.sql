-- celeriac.enqueue_jobs(jsonb) → refused uuid[], asleep text[], earliest bigint
-- Inserts a batch of jobs in one statement. Jobs of a batch share shapes: what is alike is sent and read once.
-- Args:    p_batch  [[shape, [[id, args, door?], …]], …] where a shape is {queue, task, priority?, delayMs?, runAt?, expiresMs?,
--                   expiresAt?, maxAttempts?, options?, labels?, rootId?, parentId?, givenId?};
--                   givenId = the ids were chosen by a caller; door = what limits the job (lane_id says how it looks)
-- Returns: refused = ids that are taken already, null for none; asleep = queues of this batch that an idle worker serves;
--          earliest = earliest run_at of the batch, in µs since 1970
-- Writes:  jobs (insert), arrivals (insert)      Locks: none but its new rows
-- Calls:   lane_id      Called by: src/db/calls/job.ts, enqueue
create or replace function celeriac.enqueue_jobs(
  p_batch jsonb,
  out refused uuid[], out asleep text[], out earliest bigint
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: by primary key whatever the statistics say: a plan made while a day was empty may serve it when it is full.
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_given boolean := p_batch @? '$[*][0].givenId';
  v_batch jsonb := p_batch;
  v_inserted uuid[];
  v_earliest timestamptz;
  v_laned uuid[];
  v_sent bigint;
begin
  -- order: an insert waits for whoever else inserts or changes that id; so in id order, and not for ids that are there.
  if v_given then
    v_batch := (
      select coalesce(jsonb_agg(jsonb_build_array(entry -> 0, jsonb_build_array(job)) order by (job ->> 0)::uuid), '[]')
      from jsonb_array_elements(p_batch) as entry, jsonb_array_elements(entry -> 1) as job
      -- planner: a value, not a join, so that it is looked up id by id.
      where (select taken.token from celeriac.jobs as taken where taken.id = (job ->> 0)::uuid) is null
    );
  end if;

  with inserted as (
    insert into celeriac.jobs (
      id, run_at, enqueued_at, expires_at, root_id, parent_id, max_attempts, priority, queue, task, args, options, labels, lane_id
    )
    select
      -- Who is not due yet stands in the plain line until then; the worker that gets it puts it into its lane.
      (job ->> 0)::uuid, case when job -> 2 is null or shape.run_at > v_now then shape.run_at end, v_now, shape.expires_at, shape.root_id, shape.parent_id,
      shape.max_attempts, shape.priority, shape.queue, shape.task, job -> 1,
      case when job -> 2 is null then shape.options
        else coalesce(shape.options, '{}') || jsonb_build_object('door', job -> 2) end,
      shape.labels, case when job -> 2 is not null and shape.run_at <= v_now then celeriac.lane_id(shape.queue, shape.task, job -> 2) end
    from (
      select
        entry -> 1 as jobs,
        entry -> 0 ->> 'queue' as queue,
        entry -> 0 ->> 'task' as task,
        coalesce((entry -> 0 ->> 'priority')::smallint, 0::smallint) as priority,
        coalesce(
          (entry -> 0 ->> 'runAt')::timestamptz,
          v_now + coalesce((entry -> 0 ->> 'delayMs')::double precision, 0) * interval '1 millisecond'
        ) as run_at,
        coalesce(
          (entry -> 0 ->> 'expiresAt')::timestamptz,
          v_now + (entry -> 0 ->> 'expiresMs')::double precision * interval '1 millisecond'
        ) as expires_at,
        coalesce((entry -> 0 ->> 'maxAttempts')::integer, 5) as max_attempts,
        entry -> 0 -> 'options' as options,
        entry -> 0 -> 'labels' as labels,
        (entry -> 0 ->> 'rootId')::uuid as root_id,
        (entry -> 0 ->> 'parentId')::uuid as parent_id
      from jsonb_array_elements(v_batch) as entry
      -- planner: keeps the shape a subquery of its own, read once per shape and not once per job.
      offset 0
    ) as shape
    cross join lateral jsonb_array_elements(shape.jobs) as job
    on conflict do nothing
    returning id, run_at, lane_id
  )
  select array_agg(inserted.id), min(coalesce(inserted.run_at, v_now)), array_agg(inserted.id) filter (where inserted.lane_id is not null)
  into v_inserted, v_earliest, v_laned
  from inserted;
  earliest := extract(epoch from coalesce(v_earliest, v_now)) * 1000000;

  v_sent := case jsonb_array_length(p_batch)
    when 1 then jsonb_array_length(p_batch -> 0 -> 1)
    else (select sum(jsonb_array_length(entry -> 1)) from jsonb_array_elements(p_batch) as entry)
  end;
  if v_sent > coalesce(cardinality(v_inserted), 0) then
    refused := array (
      select (job ->> 0)::uuid
      from jsonb_array_elements(p_batch) as entry, jsonb_array_elements(entry -> 1) as job
      except
      select unnest(v_inserted)
    );
  end if;

  -- Only an id that a caller chose can be that of a settled job. Looked up after the insert: from then on nobody else
  -- can bring the id back, and a settle that was under way when this began is visible by now.
  if v_given then
    with taken as (
      delete from celeriac.jobs as job
      where job.id = any (array (select result.id from celeriac.results as result where result.id = any (v_inserted)))
      returning job.id
    )
    select nullif(refused || array_agg(taken.id), '{}') into refused from taken;
  end if;

  if v_laned is not null then
    insert into celeriac.arrivals (lane_id, queue, door, priority, since)
    select job.lane_id, job.queue, min((job.options -> 'door')::text)::jsonb, max(job.priority), v_now
    from celeriac.jobs as job where job.id = any (v_laned)
    group by job.lane_id, job.queue
    order by job.lane_id;
  end if;

  -- An idle worker announces itself before it looks once more and sleeps, so this is read after the insert.
  if exists (select from celeriac.workers as worker where worker.idle) then
    select array_agg(distinct entry -> 0 ->> 'queue')
    into asleep
    from jsonb_array_elements(p_batch) as entry
    where exists (
      select from celeriac.workers as worker
      where worker.idle and (entry -> 0 ->> 'queue') = any (worker.queues)
    );
  end if;
end
$$;
comment on function celeriac.enqueue_jobs(jsonb) is 'Inserts a batch of jobs in one statement. Jobs of a batch share shapes: what is alike is sent and read once.';
