-- celeriac.sweep_unique_keys() → integer
-- Removes keys that nobody holds any more: it reads a stretch of the table, from a place that chance picks, which makes up
-- the whole of it in about five minutes. Nothing depends on it but space: a key that is not held is taken over anyway.
-- Returns: how many were removed
-- Writes:  unique_keys (delete)      Locks: keys without waiting      Called by: run_round
create or replace function celeriac.sweep_unique_keys()
returns integer
language plpgsql
set jit = off
-- planner: by place in the table and by primary key whatever the statistics say.
set enable_seqscan = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_pages bigint := pg_relation_size('celeriac.unique_keys') / current_setting('block_size')::integer;
  v_share bigint := greatest(16, v_pages / 600);
  v_from bigint := floor(random() * greatest(v_pages - v_share + 1, 1));
  v_locked tid[];
  v_removed integer;
begin
  if v_pages = 0 then
    return 0;
  end if;
  v_locked := array (
    select held.ctid from celeriac.unique_keys as held
    where held.ctid >= format('(%s,0)', v_from)::tid and held.ctid < format('(%s,0)', v_from + v_share)::tid
      and case
        when held.expires_at is not null and held.states is null then held.expires_at <= v_now
        -- planner: a value, not a join, so that it is looked up key by key.
        else (select job.token from celeriac.jobs as job where job.id = held.job_id) is null
      end
    for update skip locked
  );
  if cardinality(v_locked) = 0 then
    return 0;
  end if;
  -- order: judged by a statement that began after they were locked; who took one over before that is seen by now.
  delete from celeriac.unique_keys as held
  where held.ctid = any (v_locked)
    and (
      held.expires_at <= v_now
      or held.states is not null
        and (select job.token from celeriac.jobs as job where job.id = held.job_id) is null
        and (
          not held.states && '{succeeded,failed,cancelled}'::celeriac.job_state[]
          or (select result.token from celeriac.results as result where result.id = held.job_id limit 1) is null
        )
    );
  get diagnostics v_removed = row_count;
  return v_removed;
end
$$;
comment on function celeriac.sweep_unique_keys() is 'Removes keys that nobody holds any more: it reads a stretch of the table, from a place that chance picks, which makes up the whole of it in about five minutes.';
