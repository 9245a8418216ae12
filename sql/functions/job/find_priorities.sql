-- celeriac.find_priorities(text, smallint[]) → smallint[]
-- Lists the priorities that a queue holds jobs of, largest first: those the caller knows and those it does not.
-- Looks only into the gaps between known priorities, so that it never walks the (possibly dead) entries of a busy one.
-- Args:    p_known  priorities to list anyway, largest first
-- Returns: at least p_known; a gap shows its largest unknown priority per round, until no gap shows one
-- Writes:  nothing      Called by: work_cycle
create or replace function celeriac.find_priorities(p_queue text, p_known smallint[])
returns smallint[]
language plpgsql stable
set plan_cache_mode = force_generic_plan
set jit = off
-- planner: a step of jobs_for_claim, also by a plan made while the table was empty: once made it serves the session.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_all smallint[] := p_known;
  v_more smallint[];
begin
  loop
    select array_agg(found.priority)
    into v_more
    from unnest(32768 || v_all::integer[], v_all::integer[] || -32769) as gap (above, below)
    cross join lateral (
      select job.priority
      from celeriac.jobs as job
      where job.queue = p_queue and job.run_at is not null
        and job.priority < gap.above and job.priority > gap.below
      order by job.priority desc
      limit 1
    ) as found
    where gap.above - gap.below > 1;
    exit when v_more is null;
    select array_agg(priority order by priority desc)
    into v_all
    from unnest(v_all || v_more) as priority;
  end loop;
  return v_all;
end
$$;
comment on function celeriac.find_priorities(text, smallint[]) is 'Lists the priorities that a queue holds jobs of, largest first: those the caller knows and those it does not.';
