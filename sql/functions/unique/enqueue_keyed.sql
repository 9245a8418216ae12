-- celeriac.enqueue_keyed(jsonb, text, jsonb) → id uuid, asleep text[], earliest bigint
-- Enqueues one unique job for a caller who wants an id or an error.
-- Args:    p_shape  as of enqueue_unique      p_key  its key      p_job  [id, args]
-- Returns: id = of the job that has the key; asleep, earliest as enqueue_unique
-- Raises:  ZC020 UNIQUE_CONFLICT, ZC021 UNIQUE_APART, ZC022 UNIQUE_BUSY, ZC002 JOB_EXISTS
-- Writes:  unique_keys, jobs      Calls: enqueue_unique      Called by: enqueue
create or replace function celeriac.enqueue_keyed(
  p_shape jsonb, p_key text, p_job jsonb, out id uuid, out asleep text[], out earliest bigint
)
language plpgsql
as $$
declare
  v_answer jsonb;
  v_facts jsonb;
begin
  begin
    select given.answers -> 0, given.asleep, given.earliest into v_answer, asleep, earliest
    from celeriac.enqueue_unique(
      jsonb_build_array(jsonb_build_array(p_shape, jsonb_build_array(jsonb_build_array(p_key, p_job)))), 5000
    ) as given;
  exception when lock_not_available then
    raise exception 'the key "%" of "%" was taken by a transaction that has not ended within 5 s', p_key, p_shape ->> 'task'
      using errcode = 'ZC022',
        detail = jsonb_build_object('key', to_json(p_key)::text, 'task', p_shape -> 'task', 'patience', '5s')::text,
        hint = 'End that one, or enqueue again.';
  end;
  id := coalesce(v_answer ->> 2, p_job ->> 0)::uuid;
  v_facts := jsonb_build_object(
    'jobId', id, 'key', p_key, 'task', p_shape -> 'task',
    'differing', case when v_answer -> 3 is null then 'whose args are the same' else 'whose args differ' end
  );
  case v_answer ->> 1
    when 'rejected' then
      raise exception 'the key "%" of "%" belongs to job %, %', p_key, p_shape ->> 'task', id, v_facts ->> 'differing'
        using errcode = 'ZC020', detail = v_facts::text, hint = 'With onConflict "keep" the call gives that job instead.';
    when 'apart' then
      raise exception 'job % runs with the key "%" of "%" and was enqueued without onConflict "replace" or "rerun"',
        id, p_key, p_shape ->> 'task'
        using errcode = 'ZC021', detail = v_facts::text, hint = 'Give all calls with this key the same onConflict.';
    when 'exists' then
      raise exception 'job % exists already', id
        using errcode = 'ZC002', detail = v_facts::text, hint = 'Leave the id out, or read the job that has it.';
    else null;
  end case;
end
$$;
comment on function celeriac.enqueue_keyed(jsonb, text, jsonb) is 'Enqueues one unique job for a caller who wants an id or an error.';
