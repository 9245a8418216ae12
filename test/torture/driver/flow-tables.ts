import { LIMITED_PREFIX } from '../programs/limited.ts'
import { TICK_TASK } from '../programs/ticks.ts'
import type { Rows } from './tables.ts'

const CONCERNS = (row: string) => `(${row}.task like '${LIMITED_PREFIX}%' or ${row}.task = '${TICK_TASK}')`

/**
 * The life of each limited or scheduled job, written down by the database itself in the transactions that make it, so
 * that no answer can get lost, and what becomes of a job can be forgotten. `at` is the time before the commit: whoever
 * has seen a slot given back has seen it after that.
 */
export const FLOW_TABLES = `
  create table flow (
    n bigint generated always as identity, at timestamptz not null, what text not null, job_id uuid not null, token bigint,
    task text, parameter double precision, run_at timestamptz, claimed_at timestamptz, in_lane boolean, stamp jsonb
  );
  create table holds (limit_name text, key text, held_at timestamptz, held_until timestamptz);
  create function note_flow() returns trigger language plpgsql as $$
  declare
    v_row celeriac.jobs := case tg_op when 'DELETE' then old else new end;
    v_what text := case
      when tg_op = 'INSERT' then 'in'
      when tg_op = 'DELETE' then 'out'
      when new.worker_id is not null and (new.worker_id, new.token) is distinct from (old.worker_id, old.token) then 'took'
      when new.worker_id is null and old.worker_id is not null then 'left'
      when new.worker_id is null and new.run_at is distinct from old.run_at then 'moved'
    end;
  begin
    if v_what is not null then
      insert into flow (at, what, job_id, token, task, parameter, run_at, claimed_at, in_lane, stamp)
      values (clock_timestamp(), v_what, v_row.id, v_row.token, v_row.task, (v_row.args ->> 1)::double precision,
        v_row.run_at, v_row.claimed_at, v_row.lane_id is not null, v_row.options -> 'schedule');
    end if;
    return null;
  end $$;
  create trigger note_in after insert on celeriac.jobs for each row when ${CONCERNS('new')} execute function note_flow();
  create trigger note_change after update of worker_id, token, run_at on celeriac.jobs
    for each row when ${CONCERNS('new')} execute function note_flow();
  create trigger note_out after delete on celeriac.jobs for each row when ${CONCERNS('old')} execute function note_flow();
`

/** One step in the life of a limited or scheduled job. Times are on the clock of the history. */
export interface FlowRow {
  readonly at: number
  /** in (enqueued), took (by a worker), left (by it, and still to be run), moved (to another time), out (of the table) */
  readonly what: 'in' | 'took' | 'left' | 'moved' | 'out'
  readonly job: string
  readonly token: number
  readonly task: string
  readonly parameter: number
  /** When it is due; null in a lane. */
  readonly runAt: number | null
  readonly claimedAt: number | null
  readonly inLane: boolean
  /** Of a schedule: its name, and the instant in ms since 1970. */
  readonly stamp: readonly [schedule: string, instant: number] | null
}

/** A key of a limit that the operator held: nothing may start in between. */
export interface HoldRow {
  readonly limit: string
  readonly key: string
  readonly from: number
  readonly to: number
}

/** What the ledger of schedules says of an instant. */
export interface FireRow {
  readonly schedule: string
  /** In ms since 1970. */
  readonly instant: number
  /** On the clock of the history. */
  readonly firedAt: number
  /** By how much later than its instant it was dealt with. */
  readonly lateMs: number
  readonly outcome: string
  readonly job: string | null
}

/** What the tables say of limits and schedules. */
export interface FlowDump {
  readonly flow: readonly FlowRow[]
  readonly holds: readonly HoldRow[]
  readonly fires: readonly FireRow[]
}

/** @param wallAheadMs - by how much the wall clock is ahead of the clock of the history */
export async function dumpFlow(rows: Rows, wallAheadMs: number): Promise<FlowDump> {
  const ms = (column: string): string =>
    `extract(epoch from ${column})::double precision * 1000 - $1::double precision`
  return {
    flow: await rows<FlowRow>(
      `select ${ms('at')} as at, what, job_id as job, token::int as token, task, parameter, ${ms('run_at')} as "runAt",
        ${ms('claimed_at')} as "claimedAt", in_lane as "inLane", stamp from flow order by flow.at, n`,
      [wallAheadMs],
    ),
    holds: await rows<HoldRow>(
      `select limit_name as limit, key, ${ms('held_at')} as from, ${ms('held_until')} as to from holds`,
      [wallAheadMs],
    ),
    fires: await rows<FireRow>(
      `select schedule, extract(epoch from instant)::double precision * 1000 as instant, ${ms('fired_at')} as "firedAt",
        extract(epoch from fired_at - instant)::double precision * 1000 as "lateMs", outcome, job_id as job
        from celeriac.fires order by schedule, fires.instant`,
      [wallAheadMs],
    ),
  }
}
