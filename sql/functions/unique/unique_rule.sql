-- celeriac.unique_rule(jsonb) → key text, rule jsonb, wait interval
-- Reads what makes a job unique from options as enqueue takes them: {"unique": {"key", "until", "states", "onConflict"}},
-- {"debounce": {"key", "wait", "maxWait"}} or {"throttle": {"key", "every"}}.
-- Returns: key = null for a job that is not unique; rule = shape.unique, see enqueue_unique; wait = how long it is put off
-- Raises:  22023 for anything it cannot take, with a hint
-- Writes:  nothing      Calls: parse_duration      Called by: enqueue
create or replace function celeriac.unique_rule(p_options jsonb, out key text, out rule jsonb, out wait interval)
language plpgsql stable
as $$
declare
  v_known constant jsonb := '{"unique": ["key", "until", "states", "onConflict"], "debounce": ["key", "wait", "maxWait"], "throttle": ["key", "every"]}';
  v_settled constant jsonb := '["waiting", "pending", "running", "succeeded", "failed", "cancelled"]';
  v_names text[] := array (
    select name from jsonb_object_keys(v_known) as name where jsonb_typeof(p_options -> name) <> 'null' order by name desc
  );
  v_name text := v_names[1];
  v_bag jsonb := p_options -> v_name;
  v_until text := v_bag ->> 'until';
  v_states jsonb := nullif(v_bag -> 'states', 'null');
  v_ms double precision;
  v_problem text;
begin
  if v_name is null then
    return;
  end if;
  key := v_bag ->> 'key';
  v_problem := case
    when cardinality(v_names) > 1 then format('give %s or %s, not both', v_names[1], v_names[2])
    when jsonb_typeof(v_bag) <> 'object' then format('%s must be an object with a key', v_name)
    when exists (select from jsonb_object_keys(v_bag) as given where not v_known -> v_name ? given) then format(
      'unknown option %s.%s', v_name,
      (select given from jsonb_object_keys(v_bag) as given where not v_known -> v_name ? given limit 1)
    )
    when jsonb_typeof(v_bag -> 'key') not in ('string', 'number') or key = '' then
      format('%s.key must be a text of 1 to 255 bytes', v_name)
    when key is null then format('%s.key is missing', v_name)
    when octet_length(key) > 255 then format('%s.key takes %s bytes; the limit is 255', v_name, octet_length(key))
    when v_bag ->> 'onConflict' not in ('keep', 'replace', 'reject', 'rerun') then
      'unique.onConflict must be "keep", "replace", "reject" or "rerun"'
    when v_states is not null and v_until in ('started', 'settled') then 'give unique.until or unique.states, not both'
    when v_states is not null and (jsonb_typeof(v_states) <> 'array' or v_states = '[]' or not v_states <@ v_settled) then
      'unique.states must be a list of states: waiting, pending, running, succeeded, failed, cancelled'
    when v_name = 'debounce' and v_bag ->> 'wait' is null then 'debounce.wait is missing'
    when v_name = 'debounce' and coalesce(p_options ->> 'delay', p_options ->> 'runAt') is not null then
      'give debounce or delay (runAt), not both'
    when v_name = 'throttle' and v_bag ->> 'every' is null then 'throttle.every is missing'
  end;
  if v_problem is not null then
    raise exception 'celeriac.enqueue: %', v_problem
      using errcode = '22023', hint = 'Write ''{"unique": {"key": "order-7", "until": "settled", "onConflict": "keep"}}''.';
  end if;

  v_ms := extract(epoch from celeriac.parse_duration(case v_name
    when 'throttle' then v_bag ->> 'every'
    when 'unique' then case when v_until not in ('started', 'settled') then v_until end
  end)) * 1000;
  wait := celeriac.parse_duration(v_bag ->> 'wait');
  rule := jsonb_strip_nulls(jsonb_build_object(
    'onConflict', case v_name when 'debounce' then 'replace' else coalesce(v_bag ->> 'onConflict', 'keep') end,
    'states', case
      when v_states is not null then v_states
      when v_name = 'debounce' or v_until = 'started' then '["waiting", "pending"]'
      when v_ms is null then '["waiting", "pending", "running"]'
    end,
    'ms', v_ms,
    'maxWaitMs', extract(epoch from greatest(celeriac.parse_duration(v_bag ->> 'maxWait'), wait)) * 1000,
    'given', case when p_options ->> 'id' is not null then true end
  ));
  if v_bag ->> 'maxWait' is null then
    rule := rule - 'maxWaitMs';
  end if;
end
$$;
comment on function celeriac.unique_rule(jsonb) is 'Reads what makes a job unique from options as enqueue takes them: {"unique": {"key", "until", "states", "onConflict"}}, {"debounce": {"key", "wait", "maxWait"}} or {"throttle": {"key", "every"}}.';
