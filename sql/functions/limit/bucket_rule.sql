-- celeriac.bucket_rule(text, jsonb) → concurrency integer, rate_limit integer, rate_per_ms double precision, rate_burst integer
-- Says what counts for one key of a limit: what was chosen for the key, else what the limit says.
-- Args:    p_chosen  buckets.chosen
-- Returns: one row; nulls where nothing is limited, also for a limit that nobody has declared
-- Writes:  nothing      Called by: take_from_lanes, place_lanes, take_units
create or replace function celeriac.bucket_rule(
  p_limit text, p_chosen jsonb
)
-- planner: a table, and not one row, since only that is seen through.
returns table (concurrency integer, rate_limit integer, rate_per_ms double precision, rate_burst integer)
language sql stable
as $$
  select
    case when p_chosen ? 'concurrency' then (p_chosen ->> 'concurrency')::integer
      -- Unique jobs that follow one another; declared by nobody.
      else coalesce(rule.concurrency, case when p_limit like 'unique:%' then 1 end) end,
    case when p_chosen ? 'rateLimit' then (p_chosen ->> 'rateLimit')::integer else rule.rate_limit end,
    case when p_chosen ? 'rateLimit' then (p_chosen ->> 'ratePerMs')::double precision else rule.rate_per_ms end,
    case when p_chosen ? 'rateLimit' then (p_chosen ->> 'rateBurst')::integer else rule.rate_burst end
  from (values (1)) as one (row)
  left join celeriac.limits as rule on rule.name = p_limit
$$;
comment on function celeriac.bucket_rule(text, jsonb) is 'Says what counts for one key of a limit: what was chosen for the key, else what the limit says.';
