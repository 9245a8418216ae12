-- celeriac.assert_options(jsonb) → void
-- Refuses options of a job that enqueue cannot take, naming the option and what it must be. null counts as left out.
-- Raises:  22023
-- Writes:  nothing      Called by: enqueue
create or replace function celeriac.assert_options(p_options jsonb)
returns void
language plpgsql stable
as $$
declare
  v_known constant text[] := array['queue', 'priority', 'delay', 'runAt', 'expires', 'maxAttempts', 'timeLimit',
    'softTimeLimit', 'resultTtl', 'ignoreResult', 'atMostOnce', 'labels', 'id', 'unique', 'debounce', 'throttle'];
  v_name text;
  v_value jsonb;
  v_wanted text;
begin
  if jsonb_typeof(p_options) <> 'object' then
    raise exception 'celeriac.enqueue: options must be a JSON object'
      using errcode = '22023', hint = 'Write ''{"queue": "mail"}''.';
  end if;
  for v_name, v_value in select key, value from jsonb_each(p_options) loop
    if v_name <> all (v_known) then
      raise exception 'celeriac.enqueue: unknown option "%"', left(v_name, 60)
        using errcode = '22023', hint = 'Known are: ' || array_to_string(v_known, ', ') || '.';
    end if;
    continue when v_value = 'null';
    v_wanted := case v_name
      when 'queue' then
        case when v_value #>> '{}' !~ '^[[:alnum:]._:/-]{1,100}$' then 'a queue name: 1 to 100 letters, digits and . _ - : /' end
      when 'priority' then
        case when not v_value @? '$ ? (@ >= -32768 && @ <= 32767 && @ == @.floor())' then 'an integer from -32768 to 32767' end
      when 'maxAttempts' then
        case when not v_value @? '$ ? (@ >= 1 && @ <= 100000 && @ == @.floor())' then 'an integer from 1 to 100000' end
      when 'ignoreResult' then case when jsonb_typeof(v_value) <> 'boolean' then 'true or false' end
      when 'atMostOnce' then case when jsonb_typeof(v_value) <> 'boolean' then 'true or false' end
      when 'labels' then
        case when jsonb_typeof(v_value) <> 'object' or v_value @? '$.* ? (@.type() != "string")' then 'a JSON object of strings' end
      when 'id' then
        case when v_value #>> '{}' !~* '^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$' then 'a UUID' end
      when 'runAt' then
        case when v_value #>> '{}' !~ '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)? ?(Z|[+-]\d\d(:?\d\d)?)?)?$'
          then 'an instant such as 2030-01-31T12:00:00Z' end
    end;
    if v_name = 'runAt' and v_wanted is null then
      begin
        perform (v_value #>> '{}')::timestamptz;
      exception when datetime_field_overflow or invalid_datetime_format or invalid_parameter_value then
        v_wanted := 'an instant such as 2030-01-31T12:00:00Z';
      end;
    end if;
    if v_wanted is not null then
      raise exception 'celeriac.enqueue: % must be %; got %', v_name, v_wanted, left(v_value::text, 60)
        using errcode = '22023', hint = 'Give it as in TypeScript, or leave it out.';
    end if;
  end loop;
  if p_options ->> 'delay' is not null and p_options ->> 'runAt' is not null then
    raise exception 'celeriac.enqueue: give delay or runAt, not both'
      using errcode = '22023', hint = 'delay counts from now, runAt is an instant.';
  end if;
end
$$;
comment on function celeriac.assert_options(jsonb) is 'Refuses options of a job that enqueue cannot take, naming the option and what it must be. null counts as left out.';
