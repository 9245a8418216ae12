-- celeriac.fallen_child(uuid, jsonb, uuid, integer, text) → id, origin, origin_n, state, own
-- How a node ends whose parent has failed. origin is what the nodes below it refer to: the first one above that failed
-- itself, or the innermost join of which a member failed. A join is of its own making when the failure began behind its
-- first member; one that began before it has only kept its members from running.
-- Args:    p_options  of the node      p_origin, p_origin_n, p_state  where the failure comes from, its number in the plan, and
--          whether it is a failure or a cancellation
-- Writes:  nothing      Called by: fail_below
create or replace function celeriac.fallen_child(
  p_id uuid, p_options jsonb, p_origin uuid, p_origin_n integer, p_state text,
  out id uuid, out origin uuid, out origin_n integer, out state text, out own boolean
)
language sql immutable
as $$
  select
    p_id,
    case when kind.own then p_id else p_origin end,
    case when kind.own then (p_options ->> 'n')::integer else p_origin_n end,
    case when kind.own and p_options ->> 'join' <> 'value' then 'failed' else p_state end,
    kind.own
  from (
    select case p_options ->> 'join'
      when 'value' then true
      when 'list' then p_origin_n >= (p_options ->> 'first')::integer
      when 'object' then p_origin_n >= (p_options ->> 'first')::integer
      else false
    end as own
  ) as kind
$$;
comment on function celeriac.fallen_child(uuid, jsonb, uuid, integer, text) is 'How a node ends whose parent has failed.';
