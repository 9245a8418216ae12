-- celeriac.find_obstacles(uuid) → setof (rank, reason, message, since, until, estimated_at, details)
-- Lists what keeps a job that does not run from running, most important first; never empty for one that is there.
--   expired       too late to begin                       blocked        a node that waits for others
--   scheduled, retrying, snoozed  its time is to come     queue_paused, task_paused
--   no_worker     nobody serves its queue                 unknown_task   nobody who does has registered its task
--   label_paused, held, concurrency, unique, rate         see find_limit_obstacles
--   arriving      no worker has put it in its lane yet    turn           others that are limited are served before
--   busy          every slot is taken                     ready          nothing: it starts at any moment
-- Counts stop at 10,000.
-- Writes:  nothing      Calls: find_limit_obstacles, instant_text      Called by: explain
create or replace function celeriac.find_obstacles(p_id uuid)
returns table (rank integer, reason text, message text, since timestamptz, until timestamptz, estimated_at timestamptz, details jsonb)
language plpgsql stable
set jit = off
-- planner: by primary key, and in the order of the line, whatever the statistics say.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := celeriac.clock();
  v_job celeriac.jobs;
  v_last celeriac.attempts;
  v_parents jsonb;
  v_count bigint;
  v_free boolean;
  v_workers jsonb;
  v_lane celeriac.lanes;
  v_turn boolean;
  v_found boolean := false;
begin
  select job.* into v_job from celeriac.jobs as job where job.id = p_id;

  if v_job.expires_at <= v_now then
    return query select 10, 'expired', format('it expired at %s, before it began; it is about to be settled as cancelled',
      celeriac.instant_text(v_job.expires_at)), v_job.expires_at, null::timestamptz, null::timestamptz, jsonb_build_object();
    v_found := true;
  end if;

  if v_job.run_at is null and v_job.lane_id is null then
    select count(*), jsonb_agg(jsonb_build_object('id', parent.id, 'task', parent.task, 'state', parent.state) order by parent.id)
      filter (where parent.place <= 20)
    into v_count, v_parents
    from (
      select edge.parent_id as id, job.task, coalesce(job.state::text, 'unknown') as state, row_number() over (order by edge.parent_id) as place
      from celeriac.dependencies as edge
      left join lateral (
        select detail.task, detail.state from celeriac.job_detail as detail where detail.id = edge.parent_id limit 1
      ) as job on true
      where edge.child_id = p_id and not edge.counted
    ) as parent;
    return query select 20, 'blocked', format('it waits for %s: %s%s',
        case v_count when 1 then 'another job' else v_count || ' other jobs' end,
        (select string_agg(format('%s %s (%s)', one ->> 'task', one ->> 'id', one ->> 'state'), ', ')
          from (select one from jsonb_array_elements(v_parents) as one limit 3) as few),
        case when v_count > 3 then ', …' else '' end),
      v_job.enqueued_at, null::timestamptz, null::timestamptz,
      jsonb_build_object('parents', v_parents, 'count', v_count, 'workflowId', v_job.workflow_id);
    v_found := true;
  end if;

  if v_job.run_at > v_now then
    select one.* into v_last from celeriac.attempts as one where one.job_id = p_id order by one.token desc limit 1;
    return query select 30, kind.word, case kind.word
        when 'scheduled' then 'it is to run from ' || celeriac.instant_text(v_job.run_at) || ' on'
        when 'snoozed' then format('it was put off by its handler until %s, uncharged', celeriac.instant_text(v_job.run_at))
        else format('attempt %s of %s failed%s; the next one is due at %s', v_job.attempt, v_job.max_attempts,
          coalesce(': ' || nullif(concat_ws(': ', v_last.error ->> 'name', v_last.error ->> 'message'), ''), ''),
          celeriac.instant_text(v_job.run_at))
      end,
      coalesce(case when kind.word = 'scheduled' then v_job.enqueued_at else v_last.ended_at end, v_job.claimed_at), v_job.run_at, v_job.run_at,
      jsonb_build_object('attempt', v_job.attempt, 'maxAttempts', v_job.max_attempts, 'error', v_last.error - 'stack')
    from (select case
      when v_job.attempt = 0 then 'scheduled'
      when coalesce(v_last.token = v_job.token, v_job.attempt > v_job.snoozes + v_job.losses) then 'retrying'
      else 'snoozed'
    end as word) as kind;
    v_found := true;
  end if;

  return query
    select 40, pause.kind || '_paused', format('%s "%s" is paused since %s%s%s', pause.kind, pause.name,
        celeriac.instant_text(pause.paused_at), coalesce(': ' || pause.reason, ''),
        coalesce(', until ' || celeriac.instant_text(pause.expires_at), '')),
      pause.paused_at, pause.expires_at, null::timestamptz,
      jsonb_strip_nulls(jsonb_build_object(pause.kind, pause.name, 'reason', pause.reason))
    from celeriac.pauses as pause
    where (pause.kind, pause.name) in (('queue', v_job.queue), ('task', v_job.task))
      and (pause.expires_at is null or pause.expires_at > v_now);
  v_found := v_found or found;

  select count(*), bool_or(worker.running < worker.concurrency) filter (where v_job.task = any (worker.tasks)),
    jsonb_agg(jsonb_build_object('name', worker.name, 'running', worker.running, 'slots', worker.concurrency) order by worker.name)
      filter (where v_job.task = any (worker.tasks))
  into v_count, v_free, v_workers
  from celeriac.workers as worker
  where v_job.queue = any (worker.queues) and not worker.stopping and worker.lost_at is null;
  if v_count = 0 then
    return query select 50, 'no_worker', format('no worker serves queue "%s"', v_job.queue), null::timestamptz, null::timestamptz,
      null::timestamptz, jsonb_build_object('queue', v_job.queue);
    v_found := true;
  elsif v_workers is null then
    return query select 51, 'unknown_task', format('%s queue "%s", but none has registered task "%s"',
        case v_count when 1 then 'a worker serves' else v_count || ' workers serve' end, v_job.queue, v_job.task),
      null::timestamptz, null::timestamptz, null::timestamptz,
      jsonb_build_object('queue', v_job.queue, 'task', v_job.task, 'workers', v_count);
    v_found := true;
  end if;

  if v_job.lane_id is not null then
    return query select * from celeriac.find_limit_obstacles(p_id);
    v_found := v_found or found;
  end if;
  if v_found then
    return;
  end if;

  select lane.* into v_lane from celeriac.lanes as lane where lane.id = v_job.lane_id;
  v_count := (
    select count(*) from (
      select from celeriac.jobs as other
      where other.queue = v_job.queue and other.worker_id is null and other.run_at <= v_now
        and (other.priority > v_job.priority
          or other.priority = v_job.priority and (other.run_at, other.id) < (coalesce(v_job.run_at, v_now), v_job.id))
      order by other.priority desc, other.run_at, other.id
      limit 10000
    ) as other
  );
  v_turn := exists (
    select from celeriac.lanes as other
    where other.queue = v_job.queue and other.state = 'ready' and other.priority >= v_lane.priority and other.turn < v_lane.turn
  ) or exists (
    select from celeriac.jobs as other
    where other.lane_id = v_job.lane_id and other.run_at is null
      and (other.priority > v_job.priority
        or other.priority = v_job.priority and (other.enqueued_at, other.id) < (v_job.enqueued_at, v_job.id))
  );
  return query select 90, kind.word, case kind.word
      when 'arriving' then 'it has just been put in the line of those that share its limits'
      when 'turn' then 'its limits let it start; others of its queue that are limited have their turn first'
      when 'busy' then format('every slot of the workers of queue "%s" is taken; %s', v_job.queue, said.before)
      else format('nothing keeps it from starting at any moment; %s', said.before)
    end,
    v_job.run_at, null::timestamptz, case when kind.word in ('ready', 'arriving') and v_count = 0 then v_now end,
    jsonb_build_object('before', v_count, 'workers', v_workers)
  from (select case
    when v_job.lane_id is not null and coalesce(v_lane.state, 'idle') = 'idle' then 'arriving'
    when not v_free then 'busy'
    when v_turn then 'turn'
    else 'ready'
  end as word) as kind, (select case v_count
    when 0 then 'none is due before it'
    when 1 then 'one job is due before it'
    when 10000 then '10,000 jobs or more are due before it'
    else v_count || ' jobs are due before it'
  end as before) as said;
end
$$;
comment on function celeriac.find_obstacles(uuid) is 'Lists what keeps a job that does not run from running, most important first; never empty for one that is there.';
