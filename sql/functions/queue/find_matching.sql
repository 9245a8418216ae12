-- celeriac.find_matching(jsonb, uuid, integer) → setof uuid
-- Lists jobs that an edit is about, in the order of their ids: a page after an id. Nothing is locked.
-- Args:    p_filter  see is_match      p_after  null for the beginning      p_most  null for all
-- Writes:  nothing      Calls: is_match      Called by: src/db/calls/edit-jobs.ts, move, purge
create or replace function celeriac.find_matching(p_filter jsonb, p_after uuid, p_most integer)
returns setof uuid
language sql stable
-- planner: one walk along the primary key, continued by each page.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
  select job.id from celeriac.jobs as job
  where job.id > coalesce(p_after, '00000000-0000-0000-0000-000000000000') and celeriac.is_match(job, p_filter)
  order by job.id
  limit p_most
$$;
comment on function celeriac.find_matching(jsonb, uuid, integer) is 'Lists jobs that an edit is about, in the order of their ids: a page after an id.';
