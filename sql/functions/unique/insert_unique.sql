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
  select jsonb_agg(jsonb_build_array(shaped.shape, shaped.jobs) order by shaped.n)
  into v_batch
  from (
    select made.shape, min(made.n) as n, jsonb_agg(
      case when made.door is null then jsonb_build_array(made.id, made.job -> 1)
        else jsonb_build_array(made.id, made.job -> 1, made.door) end
      order by made.n
    ) as jobs
    from (
      select
        item.n, item.shape, item.id, item.job,
        celeriac.unique_door(item.task, item.key, item.shape -> 'unique', item.job -> 2) as door
      from celeriac.unique_items(p_batch) as item
      union all
      select
        change.place, change.shape, change.id, change.job,
        celeriac.unique_door(change.task, change.key, change.shape -> 'unique', change.job -> 2)
      from jsonb_to_recordset(p_changes) as change (
        place integer, shape jsonb, task text, key text, id uuid, job jsonb, inserted boolean
      )
      where change.inserted
    ) as made
    group by made.shape
  ) as shaped;
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
