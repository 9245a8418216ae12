-- celeriac.enqueue_unique(jsonb, integer) → answers jsonb, asleep text[], earliest bigint
-- Enqueues jobs with keys, all of them or none; what becomes of those whose key somebody has, judge_keys says.
-- Args:    p_batch  [[shape, [[key, [id, args, door?]], …]], …] with shapes as of enqueue_jobs, each with
--                   unique: {onConflict, states?, ms?, maxWaitMs?, given?, resent?}: states in which the job will hold the
--                   key (left out: in any), and for how long; given = its id was chosen by a caller; resent = it may have
--                   been enqueued already by this very call
--          p_patience_ms  how long to wait for somebody who has taken one of the keys and has not committed
-- Returns: answers = [[id, outcome, id of the job that has the key, its args before when they differ], …] for every item
--                    that did not come to be as it was asked for (inserted), null for none. outcome = kept, replaced, rerun;
--                    or what refuses the whole batch, nothing of which is written then: rejected, exists (that id is taken),
--                    apart (the job that runs was enqueued without onConflict replace or rerun, so nothing can follow it)
--          asleep, earliest = as enqueue_jobs, for jobs that were inserted, replaced or held back
-- Raises:  55P03 when it had to wait too long; ZC002 JOB_EXISTS
-- Writes:  unique_keys, jobs
-- Locks:   keys in order; then jobs that may begin yet, in id order, where the key is free once they run or the caller says
--          replace or rerun: what he has written in his transaction will be seen by the job that he was told of
-- Calls:   take_keys, must_hold_back, hold_back, judge_keys, insert_unique, replace_jobs      Called by: src/db/calls/unique.ts, enqueue
create or replace function celeriac.enqueue_unique(
  p_batch jsonb, p_patience_ms integer, out answers jsonb, out asleep text[], out earliest bigint
)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: by primary key whatever the statistics say.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- So that what is set below ends with the call.
set lock_timeout = 0
as $$
declare
  v_taken uuid[];
  v_others integer;
  v_judged record;
  v_held uuid[];
  v_queues text[];
  v_due timestamptz;
  v_later record;
begin
  perform set_config('lock_timeout', p_patience_ms::text, true);
  select keys.taken, keys.others into v_taken, v_others from celeriac.take_keys(p_batch) as keys;
  if v_others = 0 and not p_batch @? '$[*][0].unique ? (exists (@.given) || exists (@.resent))'
    and cardinality(v_taken) = (select sum(jsonb_array_length(entry -> 1)) from jsonb_array_elements(p_batch) as entry)
  then
    select added.asleep, added.earliest into asleep, earliest from celeriac.insert_unique(p_batch, null) as added;
    return;
  end if;

  -- order: judged by statements that begin after the locks were taken; a snapshot from before would not see who has come
  -- or gone meanwhile.
  select back.held, back.queues, back.earliest into v_held, v_queues, v_due
  from celeriac.hold_back(array (
    select distinct held.job_id
    from celeriac.unique_items(p_batch) as item
    cross join lateral (
      select held.* from celeriac.unique_keys as held where held.task = item.task and held.key = item.key offset 0
    ) as held
    where celeriac.must_hold_back(item.shape -> 'unique', held.states)
  )) as back;
  select judged.* into v_judged from celeriac.judge_keys(p_batch, v_taken, v_held) as judged;
  answers := v_judged.answers;
  if v_judged.refused then
    delete from celeriac.unique_keys as held
    using (select distinct item.task, item.key from celeriac.unique_items(p_batch) as item) as item
    where held.task = item.task and held.key = item.key and held.job_id = any (v_taken);
    return;
  end if;

  if v_judged.changes is not null then
    update celeriac.unique_keys as held
    set job_id = change.id, asked_id = change.asked, outcome = change.outcome, since = change.since,
        states = case when change.inserted then taken.states else held.states end,
        expires_at = case when change.inserted then taken.expires_at else held.expires_at end
    from jsonb_to_recordset(v_judged.changes) as change (
      task text, key text, shape jsonb, id uuid, inserted boolean, asked uuid, outcome text, since timestamptz
    )
    cross join lateral celeriac.unique_claim(change.shape -> 'unique') as taken
    where held.task = change.task and held.key = change.key;

    select added.asleep, added.earliest into asleep, earliest
    from celeriac.insert_unique(null, v_judged.changes) as added;
    if v_judged.changes @? '$[*] ? (@.inserted == false)' then
      select later.* into v_later from celeriac.replace_jobs(v_judged.changes) as later;
      v_queues := v_queues || v_later.queues;
      v_due := least(v_due, v_later.earliest);
    end if;
  end if;

  -- What was held back may have been passed over meanwhile, and what was replaced may be due sooner.
  if v_queues is not null then
    asleep := array (
      select name from unnest(asleep) as name
      union
      select name from unnest(v_queues) as name
      where exists (select from celeriac.workers as worker where worker.idle and name = any (worker.queues))
    );
    earliest := least(earliest, extract(epoch from v_due) * 1000000);
  end if;
end
$$;
comment on function celeriac.enqueue_unique(jsonb, integer) is 'Enqueues jobs with keys, all of them or none; what becomes of those whose key somebody has, judge_keys says.';
