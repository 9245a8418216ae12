-- celeriac.edit_jobs(uuid[], jsonb, jsonb) → setof (job_id uuid, outcome text, was jsonb, now jsonb)
-- Changes the queue, the priority or the time of jobs that nobody runs.
-- Args:    p_change  {queue, priority, runAt | delayMs}: what is left out stays
--          p_filter  see is_match; jobs that it does not fit any more are left alone; null for none
-- Returns: a row per distinct id; outcome = changed, same (it was so already), running, waiting (a node that waits for
--          other jobs has no time yet), settled, unknown, busy (somebody holds its row at this moment), other (it does not
--          fit the filter any more); was and now = what changed, {queue, priority, runAt}; null unless changed
-- Raises:  22023 for a change that cannot be
-- Writes:  jobs      Locks: the jobs in id order, without waiting      Calls: is_match, leave_queue, wake_workers
-- Called by: src/db/calls/edit-jobs.ts, move, reprioritise, reschedule
create or replace function celeriac.edit_jobs(p_ids uuid[], p_change jsonb, p_filter jsonb default null)
returns table (job_id uuid, outcome text, was jsonb, now jsonb)
language plpgsql
-- planner: by primary key whatever the statistics say: a plan made while a day was empty may serve it when it is full.
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_queue text := p_change ->> 'queue';
  v_priority smallint := (p_change ->> 'priority')::smallint;
  v_run_at timestamptz := coalesce(
    (p_change ->> 'runAt')::timestamptz, v_now + (p_change ->> 'delayMs')::double precision * interval '1 millisecond'
  );
  v_edits jsonb;
  v_mine uuid[];
begin
  if v_queue !~ '^[[:alnum:]._:/-]{1,100}$' then
    raise exception 'queue name "%" is not allowed', left(v_queue, 60)
      using errcode = '22023', hint = 'Use 1 to 100 letters, digits and . _ - : /';
  end if;
  with mine as materialized (
    select job.* from celeriac.jobs as job
    where job.id = any (p_ids) and job.worker_id is null and (p_filter is null or celeriac.is_match(job, p_filter))
    order by job.id
    for update skip locked
  ), wanted as (
    select
      mine.id, mine.queue, mine.priority, mine.run_at,
      coalesce(v_queue, mine.queue) as new_queue,
      coalesce(v_priority, mine.priority) as new_priority,
      case
        when mine.run_at is null and mine.lane_id is null then null
        -- One that a limit holds leaves its lane; whoever claims it finds the right one again.
        else coalesce(v_run_at, mine.run_at, v_now)
      end as new_run_at
    from mine
  ), edited as (
    update celeriac.jobs as job
    set queue = wanted.new_queue, priority = wanted.new_priority, run_at = wanted.new_run_at, lane_id = null,
      options = case wanted.new_queue when wanted.queue then job.options
        else celeriac.leave_queue(job.options, wanted.queue) end
    from wanted
    where job.id = wanted.id and job.worker_id is null
      and (
        (wanted.new_queue, wanted.new_priority) is distinct from (wanted.queue, wanted.priority)
        or v_run_at is not null and wanted.new_run_at is distinct from wanted.run_at
      )
    returning job.id, wanted.queue as old_queue, wanted.priority as old_priority, wanted.run_at as old_run_at,
      job.queue, job.priority, job.run_at
  )
  select
    (select array_agg(mine.id) from mine),
    (
      select jsonb_object_agg(edited.id, jsonb_build_array(
        jsonb_strip_nulls(jsonb_build_object(
          'queue', case when edited.old_queue <> edited.queue then edited.old_queue end,
          'priority', case when edited.old_priority <> edited.priority then edited.old_priority end
        )) || case when v_run_at is null or edited.run_at is null then '{}' else jsonb_build_object('runAt', edited.old_run_at) end,
        jsonb_strip_nulls(jsonb_build_object(
          'queue', case when edited.old_queue <> edited.queue then edited.queue end,
          'priority', case when edited.old_priority <> edited.priority then edited.priority end,
          'runAt', case when v_run_at is not null then edited.run_at end
        )),
        edited.queue, edited.run_at
      ))
      from edited
    )
  into v_mine, v_edits;

  -- In its new place it may stand where workers do not look any more.
  perform celeriac.wake_workers(moved.queue, moved.run_at)
  from (
    select edit.value ->> 2 as queue, min((edit.value ->> 3)::timestamptz) as run_at
    from jsonb_each(v_edits) as edit
    group by 1
  ) as moved
  where moved.run_at is not null;

  return query
  select
    given.id,
    case
      when v_edits ? given.id::text then 'changed'
      when job.id is null and exists (select from celeriac.results as result where result.id = given.id) then 'settled'
      when job.id is null then 'unknown'
      when job.worker_id is not null then 'running'
      when given.id = any (v_mine) and job.run_at is null and v_run_at is not null then 'waiting'
      when given.id = any (v_mine) then 'same'
      when p_filter is not null and not celeriac.is_match(job, p_filter) then 'other'
      else 'busy'
    end,
    v_edits -> given.id::text -> 0,
    v_edits -> given.id::text -> 1
  from (select distinct id from unnest(p_ids) as id) as given
  left join lateral (select * from celeriac.jobs as job where job.id = given.id offset 0) as job on true
  order by given.id;
end
$$;
comment on function celeriac.edit_jobs(uuid[], jsonb, jsonb) is 'Changes the queue, the priority or the time of jobs that nobody runs.';
