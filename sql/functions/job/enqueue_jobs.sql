-- celeriac.enqueue_jobs(jsonb, jsonb) → refused uuid[], asleep text[], earliest bigint
-- Inserts a batch of jobs in one statement. Jobs of a batch share shapes: what is alike is sent and read once.
-- Args:    p_jobs    [[id, number of its shape from 1, args], …]
--          p_shapes  [{queue, task, priority?, delayMs?, runAt?, expiresMs?, expiresAt?, maxAttempts?, options?, labels?,
--                      rootId?, parentId?, givenId?}, …]; givenId = the ids were chosen by a caller
-- Returns: refused = ids that are taken already, null for none; asleep = queues of this batch that an idle worker serves;
--          earliest = earliest run_at of the batch, in µs since 1970
-- Writes:  jobs (insert)      Locks: none but its new rows
-- Called by: src/db/calls/job.ts, enqueue
create or replace function celeriac.enqueue_jobs(
  p_jobs jsonb, p_shapes jsonb,
  out refused uuid[], out asleep text[], out earliest bigint
)
language plpgsql
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_inserted uuid[];
begin
  with shape as materialized (
    select
      shape.number::integer as number,
      shape.value ->> 'queue' as queue,
      shape.value ->> 'task' as task,
      coalesce((shape.value ->> 'priority')::smallint, 0::smallint) as priority,
      coalesce(
        (shape.value ->> 'runAt')::timestamptz,
        v_now + coalesce((shape.value ->> 'delayMs')::double precision, 0) * interval '1 millisecond'
      ) as run_at,
      coalesce(
        (shape.value ->> 'expiresAt')::timestamptz,
        v_now + (shape.value ->> 'expiresMs')::double precision * interval '1 millisecond'
      ) as expires_at,
      coalesce((shape.value ->> 'maxAttempts')::integer, 5) as max_attempts,
      shape.value -> 'options' as options,
      shape.value -> 'labels' as labels,
      (shape.value ->> 'rootId')::uuid as root_id,
      (shape.value ->> 'parentId')::uuid as parent_id
    from jsonb_array_elements(p_shapes) with ordinality as shape (value, number)
  ), inserted as (
    insert into celeriac.jobs (
      id, run_at, enqueued_at, expires_at, root_id, parent_id, max_attempts, priority, queue, task, args, options, labels
    )
    select
      (job ->> 0)::uuid, shape.run_at, v_now, shape.expires_at, shape.root_id, shape.parent_id,
      shape.max_attempts, shape.priority, shape.queue, shape.task, job -> 2, shape.options, shape.labels
    from jsonb_array_elements(p_jobs) as job
    join shape on shape.number = (job -> 1)::integer
    on conflict do nothing
    returning id
  )
  select array_agg(inserted.id), (select (extract(epoch from min(shape.run_at)) * 1000000)::bigint from shape)
  into v_inserted, earliest
  from inserted;

  if coalesce(cardinality(v_inserted), 0) < jsonb_array_length(p_jobs) then
    refused := array (
      select (job ->> 0)::uuid from jsonb_array_elements(p_jobs) as job
      except
      select unnest(v_inserted)
    );
  end if;

  -- Only an id that a caller chose can be that of a settled job. Looked up after the insert: from then on nobody else
  -- can bring the id back, and a settle that was under way when this began is visible by now.
  if p_shapes @> '[{"givenId": true}]' then
    with taken as (
      delete from celeriac.jobs as job
      using (select distinct result.id from celeriac.results as result where result.id = any (v_inserted)) as settled
      where job.id = settled.id
      returning job.id
    )
    select nullif(refused || array_agg(taken.id), '{}') into refused from taken;
  end if;

  -- An idle worker announces itself before it looks once more and sleeps, so this is read after the insert.
  select array_agg(distinct shape.value ->> 'queue')
  into asleep
  from jsonb_array_elements(p_shapes) as shape
  where exists (
    select from celeriac.workers as worker
    where worker.idle and (shape.value ->> 'queue') = any (worker.queues)
  );
end
$$;
comment on function celeriac.enqueue_jobs(jsonb, jsonb) is 'Inserts a batch of jobs in one statement. Jobs of a batch share shapes: what is alike is sent and read once.';
