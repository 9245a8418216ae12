-- celeriac.enqueue(text, jsonb, jsonb) → uuid
-- Enqueues one job from SQL, in the caller's transaction: psql, triggers and other languages are equal clients.
-- Args:    p_task     name of a task that some worker has registered
--          p_args     its positional arguments, a JSON array
--          p_options  {"queue", "priority", "delay" | "runAt", "expires", "maxAttempts", "timeLimit", "softTimeLimit",
--                      "resultTtl", "ignoreResult", "atMostOnce", "labels", "id", "unique" | "debounce" | "throttle" (see unique_rule)};
--                      durations as in TypeScript: "5m" or ms
-- Returns: the id of the job; of a unique one, that of the job that has its key
-- Raises:  22023 for anything it cannot take, with a hint; ZC002 JOB_EXISTS for an id that is taken; for a unique one as
--          enqueue_keyed
-- Writes:  jobs (insert), unique_keys      Calls: assert_options, unique_rule, enqueue_jobs, enqueue_keyed, wake_workers      Called by: you
create or replace function celeriac.enqueue(p_task text, p_args jsonb default '[]', p_options jsonb default '{}')
returns uuid
language plpgsql
as $$
declare
  v_options jsonb := coalesce(p_options, '{}');
  v_queue text := coalesce(v_options ->> 'queue', 'default');
  v_id uuid;
  v_run_at timestamptz;
  v_key text;
  v_rule jsonb;
  v_wait interval;
  v_shape jsonb;
  v_answer record;
begin
  if p_task is null or p_task !~ '^[[:alnum:]._:/-]{1,200}$' then
    raise exception 'celeriac.enqueue: task name "%" is not allowed', left(p_task, 60)
      using errcode = '22023', hint = 'Use 1 to 200 letters, digits and . _ - : /';
  end if;
  if jsonb_typeof(p_args) is distinct from 'array' then
    raise exception 'celeriac.enqueue: args must be a JSON array of positional arguments'
      using errcode = '22023', hint = 'Write ''[2, 2]'', not ''{"x": 2}''.';
  end if;
  perform celeriac.assert_options(v_options);

  if v_options ?| array['unique', 'debounce', 'throttle'] then
    select said.key, said.rule, said.wait into v_key, v_rule, v_wait from celeriac.unique_rule(v_options) as said;
  end if;
  v_id := coalesce((v_options ->> 'id')::uuid, celeriac.new_id());
  v_run_at := coalesce(
    (v_options ->> 'runAt')::timestamptz,
    celeriac.clock() + coalesce(v_wait, celeriac.parse_duration(v_options ->> 'delay')),
    celeriac.clock()
  );
  v_shape := jsonb_strip_nulls(jsonb_build_object(
    'queue', v_queue,
    'task', p_task,
    'priority', v_options -> 'priority',
    'runAt', v_run_at,
    'expiresAt', celeriac.clock() + celeriac.parse_duration(v_options ->> 'expires'),
    'maxAttempts',
      case when (v_options ->> 'atMostOnce')::boolean then to_jsonb(1) else v_options -> 'maxAttempts' end,
    'labels', v_options -> 'labels',
    'givenId', case when v_options ? 'id' then true end,
    'unique', v_rule,
    'options', nullif(jsonb_strip_nulls(jsonb_build_object(
      'timeLimitMs', extract(epoch from celeriac.parse_duration(v_options ->> 'timeLimit')) * 1000,
      'softTimeLimitMs', extract(epoch from celeriac.parse_duration(v_options ->> 'softTimeLimit')) * 1000,
      'resultTtlMs', extract(epoch from celeriac.parse_duration(v_options ->> 'resultTtl')) * 1000,
      'ignoreResult', (v_options ->> 'ignoreResult')::boolean,
      'atMostOnce', (v_options ->> 'atMostOnce')::boolean
    )), '{}')
  ));
  if v_key is null then
    select refused, asleep
    into v_answer
    from celeriac.enqueue_jobs(
      jsonb_build_array(jsonb_build_array(v_shape, jsonb_build_array(jsonb_build_array(v_id, p_args))))
    );
    if v_answer.refused is not null then
      raise exception 'job % exists already', v_id
        using errcode = 'ZC002', hint = 'Leave the id out, or read the job that has it.';
    end if;
  else
    select keyed.id, keyed.asleep, keyed.earliest
    into v_answer
    from celeriac.enqueue_keyed(v_shape, v_key, jsonb_build_array(v_id, p_args)) as keyed;
    v_id := v_answer.id;
    v_run_at := timestamptz 'epoch' + v_answer.earliest * interval '1 microsecond';
  end if;

  -- Commits that notify wait for each other; of several at once one is enough to wake the queue's workers.
  if v_answer.asleep is not null and pg_try_advisory_xact_lock(hashtextextended(celeriac.channel() || v_queue, 0)) then
    perform celeriac.wake_workers(v_queue, v_run_at);
  end if;
  return v_id;
end
$$;
comment on function celeriac.enqueue(text, jsonb, jsonb) is 'Enqueues one job from SQL, in the caller''s transaction: psql, triggers and other languages are equal clients.';
