-- celeriac.take_keys(jsonb) → taken uuid[], others integer
-- Takes the keys of a batch that nobody has, and locks the others, in the order of tasks and keys. A key that somebody
-- has taken and not committed is waited for: it is ours when he rolls back.
-- Args:    p_batch  see enqueue_unique
-- Returns: taken = ids of the jobs that have taken a key of their own; others = keys that were there, all of them locked now
-- Writes:  unique_keys (insert)      Locks: unique_keys in order, until the transaction ends
-- Calls:   unique_items, unique_claim      Called by: enqueue_unique
create or replace function celeriac.take_keys(p_batch jsonb, out taken uuid[], out others integer)
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  v_keys integer;
begin
  with claim as materialized (
    select given.shape, said.states, said.expires_at
    from (select distinct entry -> 0 as shape from jsonb_array_elements(p_batch) as entry) as given
    cross join lateral celeriac.unique_claim(given.shape -> 'unique') as said
  ), item as materialized (
    select distinct on (one.task collate "C", one.key collate "C") one.*
    from celeriac.unique_items(p_batch) as one
    order by one.task collate "C", one.key collate "C", one.n
  ), fresh as (
    insert into celeriac.unique_keys as held (task, key, job_id, asked_id, outcome, states, since, expires_at)
    select
      item.task, item.key, item.id, item.id, 'inserted', claim.states, celeriac.clock(), claim.expires_at
    from item
    join claim on claim.shape = item.shape
    order by item.task collate "C", item.key collate "C"
    -- order: locks a row that is there, in its turn, and changes nothing. To insert first and to lock afterwards would
    -- not go by the order of keys: two batches could wait for each other.
    on conflict (task, key) do update set job_id = excluded.job_id where false
    returning held.job_id
  )
  select (select array_agg(fresh.job_id) from fresh), (select count(*) from item) into taken, v_keys;
  others := v_keys - coalesce(cardinality(taken), 0);
end
$$;
comment on function celeriac.take_keys(jsonb) is 'Takes the keys of a batch that nobody has, and locks the others, in the order of tasks and keys.';
