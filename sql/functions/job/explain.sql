-- celeriac.explain(uuid) → jsonb
-- Says why a job is not running: what keeps it, since when, until when, and when it may start. For any id.
-- Returns: {id, state, reason, message, since?, until?, estimatedStart?, details, also?}: state = that of the job, or unknown;
--          reason = unknown, succeeded, failed, cancelled, running, stalled, cancelling, or one of find_obstacles;
--          estimatedStart = if nothing comes in between; also = [{reason, message}, …] for whatever keeps it besides
-- Writes:  nothing      Calls: find_obstacles, instant_text      Called by: src/db/calls/explain.ts, explain_text, you
create or replace function celeriac.explain(p_id uuid)
returns jsonb
language plpgsql stable
-- planner: as in find_outcomes.
set enable_seqscan = off
as $$
declare
  v_job celeriac.jobs;
  v_past celeriac.results;
  v_worker celeriac.workers;
  v_reason text;
  v_all jsonb;
begin
  select job.* into v_job from celeriac.jobs as job where job.id = p_id;
  if v_job.id is null then
    select result.* into v_past from celeriac.results as result where result.id = p_id order by result.settled_at desc limit 1;
    if v_past.id is null then
      return jsonb_build_object(
        'id', p_id, 'state', 'unknown', 'reason', 'unknown', 'details', jsonb_build_object(),
        'message', 'nobody knows this id: no such job was committed, or its result has been removed, or you may not see it'
      );
    end if;
    return jsonb_strip_nulls(jsonb_build_object(
      'id', p_id, 'state', v_past.state, 'reason', v_past.state, 'since', v_past.settled_at,
      'message', format('it %s at %s%s', case v_past.state when 'cancelled' then 'was cancelled' else v_past.state::text end,
        celeriac.instant_text(v_past.settled_at),
        coalesce(': ' || nullif(concat_ws(': ', v_past.error ->> 'name', v_past.error ->> 'message'), ''), '')),
      'details', jsonb_build_object('attempt', v_past.attempt, 'maxAttempts', v_past.max_attempts, 'error', v_past.error - 'stack')
    ));
  end if;

  if v_job.worker_id is not null then
    select worker.* into v_worker from celeriac.workers as worker where worker.id = v_job.worker_id;
    v_reason := case
      when v_worker.id is null or v_worker.lost_at is not null then 'stalled'
      when v_job.cancel_requested_at is not null then 'cancelling'
      else 'running'
    end;
    return jsonb_strip_nulls(jsonb_build_object(
      'id', p_id, 'state', 'running', 'reason', v_reason, 'since', v_job.claimed_at,
      'message', case v_reason
        when 'stalled' then 'its worker is gone; it is taken from it, and runs again, within seconds'
        when 'cancelling' then format('it runs on worker "%s" and was asked to stop: %s', v_worker.name,
          coalesce(v_job.cancel_reason, 'no reason given'))
        else format('it runs on worker "%s" since %s, attempt %s of %s', v_worker.name,
          celeriac.instant_text(v_job.claimed_at), v_job.attempt, v_job.max_attempts)
      end,
      'details', jsonb_build_object(
        'attempt', v_job.attempt, 'maxAttempts', v_job.max_attempts,
        'worker', jsonb_build_object('id', v_job.worker_id, 'name', v_worker.name, 'host', v_worker.host, 'pid', v_worker.pid,
          'heartbeatAt', v_worker.heartbeat_at),
        'locks', (select jsonb_agg(lock.key order by lock.key) from celeriac.locks as lock where lock.job_id = p_id)
      )
    ));
  end if;

  select jsonb_agg(to_jsonb(obstacle) order by obstacle.rank, obstacle.reason) into v_all
  from celeriac.find_obstacles(p_id) as obstacle;
  return jsonb_strip_nulls(jsonb_build_object(
    'id', p_id, 'state', case when v_job.run_at is null then 'waiting' else 'pending' end,
    'reason', v_all -> 0 -> 'reason', 'message', v_all -> 0 -> 'message', 'since', v_all -> 0 -> 'since',
    'until', nullif(v_all -> 0 -> 'until', '"infinity"'), 'estimatedStart', nullif(v_all -> 0 -> 'estimated_at', '"infinity"'),
    'details', v_all -> 0 -> 'details',
    'also', (
      select jsonb_agg(jsonb_build_object('reason', one.value -> 'reason', 'message', one.value -> 'message') order by one.place)
      from jsonb_array_elements(v_all) with ordinality as one (value, place) where one.place > 1
    )
  ));
end
$$;
comment on function celeriac.explain(uuid) is 'Says why a job is not running: what keeps it, since when, until when, and when it may start.';
