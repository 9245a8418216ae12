-- celeriac.take_units(text, text, integer) → granted boolean, retry_at timestamptz, retry_in_ms double precision
-- Spends units of a rate outside jobs, under the same window as jobs do.
-- Args:    p_key    null for a limit without keys      p_units  1 or more, not more than the rate grants in its period
-- Returns: one row; retry_at = when to ask again, if nobody else takes before; null when granted, and for one that is held
--          until somebody releases it
-- Raises:  ZC010 LIMIT_NAME, ZC011 LIMIT_KEY, ZC012 LIMIT_UNKNOWN, ZC013 LIMIT_UNITS
-- Writes:  buckets      Locks: its bucket, which jobs of the key pass by meanwhile: commit soon
-- Calls:   bucket_rule, rate_room, rate_opens_at, spend_units      Called by: src/db/calls/limit.ts, you
create or replace function celeriac.take_units(
  p_name text, p_key text default null, p_units integer default 1,
  out granted boolean, out retry_at timestamptz, out retry_in_ms double precision
)
language plpgsql
as $$
declare
  v_id bigint := celeriac.bucket_id(p_name, coalesce(p_key, ''));
  v_now timestamptz;
  v_bucket celeriac.buckets;
  v_rule record;
  v_room record;
begin
  perform celeriac.assert_limit(p_name, p_key);
  if not exists (select from celeriac.limits as one where one.name = p_name) then
    raise exception using errcode = 'ZC012', message = format('no limit "%s"; declare it, or set it', p_name),
      detail = json_build_object('code', 'LIMIT_UNKNOWN', 'limit', p_name, 'hint', 'declare it, or set it');
  end if;
  perform pg_advisory_xact_lock(celeriac.bucket_gate(v_id));
  insert into celeriac.buckets (id, limit_name, key, used_at) values (v_id, p_name, coalesce(p_key, ''), celeriac.clock())
  on conflict (id) do nothing;
  select bucket.* into v_bucket from celeriac.buckets as bucket where bucket.id = v_id order by bucket.id for update;
  -- As of now, not of when the call began: it may have waited.
  v_now := celeriac.clock() + (clock_timestamp() - statement_timestamp());
  select rule.* into v_rule from celeriac.bucket_rule(p_name, v_bucket.chosen) as rule;
  if p_units is null or p_units < 1 or p_units > coalesce(v_rule.rate_limit, 1000000) then
    raise exception using errcode = 'ZC013', message = format('%s units of limit "%s" are never granted', coalesce(p_units::text, 'null'), p_name),
      detail = json_build_object(
        'code', 'LIMIT_UNITS', 'units', coalesce(p_units::text, 'null'), 'limit', p_name, 'most', coalesce(v_rule.rate_limit, 1000000)
      );
  end if;
  if v_bucket.held_until > v_now then
    granted := false;
    retry_at := nullif(v_bucket.held_until, 'infinity');
  elsif v_rule.rate_limit is null then
    granted := true;
  else
    select room.* into v_room from celeriac.rate_room(
      v_bucket.spent_at, v_bucket.spent_units, v_bucket.next_at, v_rule.rate_limit, v_rule.rate_per_ms, v_rule.rate_burst, v_now
    ) as room;
    granted := v_room.window_room >= p_units and v_room.spread_room > 0;
    if granted then
      -- A holder that is no job counts nowhere.
      perform celeriac.spend_units(
        jsonb_build_array(jsonb_build_array(gen_random_uuid(), jsonb_build_array(v_id), jsonb_build_array(p_units))), v_now
      );
    else
      retry_at := celeriac.rate_opens_at(
        v_bucket.spent_at, v_bucket.spent_units, v_bucket.next_at, v_rule.rate_limit, v_rule.rate_per_ms, v_rule.rate_burst, p_units
      );
    end if;
  end if;
  retry_in_ms := case when retry_at is not null then greatest(0, extract(epoch from retry_at - v_now) * 1000) end;
end
$$;
comment on function celeriac.take_units(text, text, integer) is 'Spends units of a rate outside jobs, under the same window as jobs do.';
