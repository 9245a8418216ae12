-- celeriac.judge_keys(jsonb, uuid[], uuid[]) → answers jsonb, refused boolean, changes jsonb
-- Decides what becomes of each item of a batch whose keys are locked. Who holds a key is seen from the rows of jobs:
--   nobody                    the job is inserted and has the key from now on
--   a job that may begin yet  keep, rerun: that one will do · replace: it takes over args and options
--   a job that runs           keep: that one will do · replace, rerun: one more, which begins once that one runs no more
--   a settled job, a period   keep, replace, rerun: nothing is done
--   any of them               reject: refused
-- Items with the same key meet each other in their order.
-- Args:    p_batch  see enqueue_unique      p_taken  jobs of the batch that have taken a key which nobody had
--          p_held   jobs that hold keys and were held back, where that matters
-- Returns: answers  see enqueue_unique; refused = the whole batch is, and answers say why
--          changes = [{task, key, id, inserted, place, shape, job, asked, outcome, since}, …], one for each key that changes: the job
--          that has it now, the item that job is made of, whether it is a new one
-- Writes:  nothing      Calls: unique_items      Called by: enqueue_unique
create or replace function celeriac.judge_keys(
  p_batch jsonb, p_taken uuid[], p_held uuid[], out answers jsonb, out refused boolean, out changes jsonb
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: by primary key whatever the statistics say.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := celeriac.clock();
  v_item record;
  v_outcome text;
  v_answer jsonb;
  v_answers jsonb[];
  v_refusals jsonb[];
  v_changes jsonb[];
  v_last integer;
  -- Of the key that is being looked at: who has it, in which state, with which args; whether this batch has decided on it.
  v_task text;
  v_key text;
  v_holder uuid;
  v_state text;
  v_args jsonb;
  v_own boolean;
begin
  for v_item in
    select
      item.n, item.task, item.key, item.id, item.shape, item.job, item.job -> 1 as args, item.shape -> 'unique' ->> 'onConflict' as on_conflict,
      held.job_id, held.outcome, held.since, holder.begun,
      coalesce(held.job_id = any (p_taken), false) as taken,
      coalesce(held.expires_at > v_now, true)
        and coalesce(coalesce(holder.state, past.state) = any (held.states), held.states is null) as holds,
      coalesce(holder.state, past.state) as state, coalesce(holder.args, past.args) as holder_args,
      coalesce(holder.limits @> jsonb_build_array(jsonb_build_array('unique:' || item.task, item.key)), false) as followed,
      item.shape -> 'unique' ? 'resent' and held.asked_id = item.id and coalesce(held.job_id <> all (p_taken), true) as again,
      item.shape -> 'unique' ?| array['given', 'resent'] and (
        -- planner: values, so that they are looked up; an exists becomes a hash of the whole table.
        (select job.token from celeriac.jobs as job where job.id = item.id) is not null
        or (select result.token from celeriac.results as result where result.id = item.id limit 1) is not null
      ) as known,
      item.shape -> 'unique' ? 'resent' as resent
    from celeriac.unique_items(p_batch) as item
    cross join lateral (
      select held.*, celeriac.must_hold_back(item.shape -> 'unique', held.states) as must
      from celeriac.unique_keys as held where held.task = item.task and held.key = item.key offset 0
    ) as held
    left join lateral (
      select
        case
          -- A job that was replaced by a canvas has begun, and ends with that.
          when job.worker_id is not null or job.options ? 'n' then 'running'
          -- Nobody can begin it any more.
          when job.expires_at <= v_now then 'cancelled'
          -- It ran when others were held back, and has been given back since: it may begin again at any moment.
          when held.must and job.id <> all (coalesce(p_held, '{}')) then 'running'
          when job.run_at is null then 'waiting' else 'pending'
        end::celeriac.job_state as state,
        job.args, job.attempt > 0 as begun, job.options -> 'door' -> 'limits' as limits
      from celeriac.jobs as job where job.id = held.job_id offset 0
    ) as holder on true
    left join lateral (
      select result.state, result.args from celeriac.results as result
      where result.id = held.job_id and holder.state is null
        and (held.states is null or held.states && '{succeeded,failed,cancelled}'::celeriac.job_state[])
      order by result.settled_at desc limit 1
    ) as past on true
    order by item.task collate "C", item.key collate "C", item.n
  loop
    if (v_item.task, v_item.key) is distinct from (v_task, v_key) then
      v_task := v_item.task;
      v_key := v_item.key;
      v_holder := case when v_item.holds and not v_item.taken then v_item.job_id end;
      v_state := v_item.state;
      v_args := v_item.holder_args;
      v_own := false;
    end if;
    -- It was done when it was sent first, and the answer was lost.
    if v_item.again or v_item.resent and v_item.known then
      if v_item.again and v_item.outcome <> 'inserted' then
        v_answers := v_answers || jsonb_build_array(v_item.id, v_item.outcome, v_item.job_id);
      end if;
      continue;
    end if;

    v_outcome := case
      when v_holder is null then case when v_item.known then 'exists' else 'inserted' end
      when v_item.on_conflict = 'reject' then 'rejected'
      when v_item.on_conflict = 'replace' and v_state in ('waiting', 'pending') then 'replaced'
      when v_item.on_conflict in ('replace', 'rerun') and v_state = 'running' then
        case when v_item.followed then 'rerun' else 'apart' end
      else 'kept'
    end;
    if v_outcome <> 'inserted' then
      v_answer := jsonb_build_array(v_item.id, v_outcome, case v_outcome when 'rerun' then v_item.id else coalesce(v_holder, v_item.id) end)
        || case when v_args <> v_item.args then jsonb_build_array(v_args) else '[]' end;
      if v_outcome in ('rejected', 'exists', 'apart') then
        v_refusals := v_refusals || v_answer;
        continue;
      end if;
      v_answers := v_answers || v_answer;
      continue when v_outcome = 'kept';
    end if;

    if v_outcome = 'replaced' and v_own then
      v_last := cardinality(v_changes);
      v_changes[v_last] := v_changes[v_last]
        || jsonb_build_object('place', v_item.n, 'shape', v_item.shape, 'job', v_item.job, 'asked', v_item.id, 'outcome', v_outcome);
    else
      v_holder := case v_outcome when 'replaced' then v_holder else v_item.id end;
      v_changes := v_changes || jsonb_build_object(
        'task', v_task, 'key', v_key, 'id', v_holder, 'inserted', v_outcome <> 'replaced',
        'place', v_item.n, 'shape', v_item.shape, 'job', v_item.job, 'asked', v_item.id, 'outcome', v_outcome,
        'since', case when v_outcome = 'replaced' and not v_item.begun then v_item.since else v_now end
      );
    end if;
    v_state := 'pending';
    v_args := v_item.args;
    v_own := true;
  end loop;

  refused := v_refusals is not null;
  answers := to_jsonb(case when refused then v_refusals else v_answers end);
  changes := to_jsonb(v_changes);
end
$$;
comment on function celeriac.judge_keys(jsonb, uuid[], uuid[]) is 'Decides what becomes of each item of a batch whose keys are locked.';
