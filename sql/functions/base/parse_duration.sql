-- celeriac.parse_duration(text) → interval
-- Reads a duration as the TypeScript side does: '500ms', '30s', '5m', '2h', '1d', '1w', or a bare number of ms.
-- Raises:  22023 when the text is none of these, or longer than a hundred years
-- Writes:  nothing      Called by: enqueue
create or replace function celeriac.parse_duration(p_duration text)
returns interval
language plpgsql immutable strict
as $$
declare
  v_parts text[] := regexp_match(p_duration, '^(\d{1,20}\.?\d{0,20}|\.\d{1,20})(ms|s|m|h|d|w)?$');
  v_ms double precision;
begin
  if v_parts is null then
    raise exception 'celeriac: "%" is not a duration', left(p_duration, 60)
      using errcode = '22023', hint = 'Write a number and ms, s, m, h, d or w, such as 30s or 5m; a bare number is milliseconds.';
  end if;
  v_ms := v_parts[1]::double precision * case coalesce(v_parts[2], 'ms')
    when 'ms' then 1
    when 's' then 1000
    when 'm' then 60000
    when 'h' then 3600000
    when 'd' then 86400000
    else 604800000
  end;
  if v_ms > 36525 * 86400000::double precision then
    raise exception 'celeriac: duration "%" is too long', left(p_duration, 60)
      using errcode = '22023', hint = 'The limit is a hundred years, 36525d.';
  end if;
  return v_ms * interval '1 millisecond';
end
$$;
comment on function celeriac.parse_duration(text) is 'Reads a duration as the TypeScript side does: ''500ms'', ''30s'', ''5m'', ''2h'', ''1d'', ''1w'', or a bare number of ms.';
