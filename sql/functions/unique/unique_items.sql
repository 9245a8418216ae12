-- celeriac.unique_items(jsonb) → setof (n integer, shape jsonb, task text, key text, id uuid, job jsonb)
-- Reads a batch of unique jobs: one row each, in the order in which they were given.
-- Args:    p_batch  see enqueue_unique
-- Returns: n = place in the batch from 1, job = [id, args, door?]
-- Writes:  nothing      Called by: enqueue_unique, take_keys, judge_keys, insert_unique
create or replace function celeriac.unique_items(p_batch jsonb)
returns table (n integer, shape jsonb, task text, key text, id uuid, job jsonb)
language sql immutable parallel safe
as $$
  select
    (row_number() over ())::integer, entry.shape, entry.task, one.value ->> 0, (one.value -> 1 ->> 0)::uuid, one.value -> 1
  from (
    select entry -> 0 as shape, entry -> 0 ->> 'task' as task, entry -> 1 as jobs
    from jsonb_array_elements(p_batch) as entry
    -- planner: keeps the shape a subquery of its own, read once per shape and not once per job.
    offset 0
  ) as entry
  cross join lateral jsonb_array_elements(entry.jobs) as one
$$;
comment on function celeriac.unique_items(jsonb) is 'Reads a batch of unique jobs: one row each, in the order in which they were given.';
