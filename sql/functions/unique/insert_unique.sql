-- celeriac.insert_unique(jsonb, jsonb) → asleep text[], earliest bigint
-- Inserts jobs whose keys are theirs.
-- Args:    p_batch  a batch that is inserted as it is, see enqueue_unique; or null, and then
--          p_changes  as of judge_keys: those that are new are inserted
-- Returns: as enqueue_jobs
-- Raises:  ZC002 JOB_EXISTS for an id that somebody has taken meanwhile
-- Writes:  jobs (insert)      Calls: unique_items, unique_door, enqueue_jobs      Called by: enqueue_unique
create or replace function celeriac.insert_unique(
  p_batch jsonb, p_changes jsonb, out asleep text[], out earliest bigint
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  v_batch jsonb;
  v_refused uuid[];
begin
  with made as (
    select item.n, item.shape, item.task, item.key, item.id, item.job from celeriac.unique_items(p_batch) as item
    union all
    select change.place, change.shape, change.task, change.key, change.id, change.job
    from jsonb_to_recordset(p_changes) as change (
      place integer, shape jsonb, task text, key text, id uuid, job jsonb, inserted boolean
    )
    where change.inserted
  ), shaped as (
    select made.shape, min(made.n) as n, jsonb_agg(
      jsonb_build_array(made.id, made.job -> 1)
        || case when door.door is null then '[]' else jsonb_build_array(door.door) end
      order by made.n
    ) as jobs
    from made
    cross join lateral celeriac.unique_door(made.task, made.key, made.shape -> 'unique', made.job -> 2) as door (door)
    group by made.shape
  )
  select jsonb_agg(jsonb_build_array(shaped.shape, shaped.jobs) order by shaped.n) into v_batch from shaped;
  if v_batch is null then
    return;
  end if;

  select added.refused, added.asleep, added.earliest into v_refused, asleep, earliest
  from celeriac.enqueue_jobs(v_batch) as added;
  if v_refused is not null then
    raise exception 'job % exists already', v_refused[1]
      using errcode = 'ZC002', detail = jsonb_build_object('jobId', v_refused[1])::text,
        hint = 'Leave the id out, or read the job that has it.';
  end if;
end
$$;
comment on function celeriac.insert_unique(jsonb, jsonb) is 'Inserts jobs whose keys are theirs.';
