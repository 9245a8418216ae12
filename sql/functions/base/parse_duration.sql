-- celeriac.parse_duration(text) → interval
-- Reads a duration as the TypeScript side does: '500ms', '30s', '5m', '2h', '1d', '1w', or a bare number of ms.
-- Raises:  22023 when the text is none of these
-- Writes:  nothing      Called by: enqueue
create or replace function celeriac.parse_duration(p_duration text)
returns interval
language plpgsql immutable strict
as $$
declare
  v_parts text[] := regexp_match(p_duration, '^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$');
begin
  if v_parts is null then
    raise exception 'celeriac: "%" is not a duration', left(p_duration, 60)
      using errcode = '22023', hint = 'Write a number and ms, s, m, h, d or w, such as 30s or 5m; a bare number is milliseconds.';
  end if;
  return v_parts[1]::double precision * case coalesce(v_parts[2], 'ms')
    when 'ms' then interval '1 millisecond'
    when 's' then interval '1 second'
    when 'm' then interval '1 minute'
    when 'h' then interval '1 hour'
    when 'd' then interval '24 hours'
    else interval '168 hours'
  end;
end
$$;
comment on function celeriac.parse_duration(text) is 'Reads a duration as the TypeScript side does: ''500ms'', ''30s'', ''5m'', ''2h'', ''1d'', ''1w'', or a bare number of ms.';
