-- celeriac.find_refused(uuid, uuid[], bigint[], jsonb) → uuid[]
-- Which attempts a settling did not take, since this worker no longer holds them. Rare: an attempt is not lost when the table
-- shows that this very token settled it; then only the answer was. A job without a worker is no such sign for a success:
-- rescued ones look the same.
-- Args:    as settle_jobs      Returns: ids; null for none
-- Writes:  nothing      Called by: settle_jobs
create or replace function celeriac.find_refused(p_worker_id uuid, p_ids uuid[], p_tokens bigint[], p_others jsonb)
returns uuid[]
language plpgsql stable
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  return (
    select array_agg(sent.id)
    from (
      select id, token, 'succeeded' as kind from unnest(p_ids, p_tokens) as done (id, token)
      union all
      select other.id, other.token, other.kind
      from jsonb_to_recordset(p_others) as other (id uuid, token bigint, kind text)
    ) as sent
    where not exists (
        select from celeriac.results as result
        where result.id = sent.id and result.token = sent.token
          and (result.worker_id = p_worker_id or sent.kind = 'replaced' and result.options ->> 'join' = 'value')
      )
      and not exists (
        select from celeriac.attempts as attempt
        where attempt.job_id = sent.id and attempt.token = sent.token and attempt.worker_id = p_worker_id
          and attempt.outcome = 'retry' and sent.kind = 'errored'
      )
      and not exists (
        select from celeriac.jobs as job
        where job.id = sent.id and job.worker_id is null
          and job.token = sent.token + case
            when sent.kind = 'snoozed' or sent.kind = 'replaced' and job.options ->> 'join' = 'value' then 0
            when sent.kind in ('released', 'returned') then 1
          end
      )
  );
end
$$;
comment on function celeriac.find_refused(uuid, uuid[], bigint[], jsonb) is 'Which attempts a settling did not take, since this worker no longer holds them.';
