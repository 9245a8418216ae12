import { EDGE_FAULTS } from '../../support/edge-faults.ts'
import { ERRBACK_TASK } from '../canvas/to-signature.ts'
import { TICK_TASK } from '../programs/ticks.ts'
import type { Rows } from './tables.ts'

/** A job of a canvas, its groups and error callbacks included. */
export interface NodeRow {
  readonly id: string
  readonly mark: string
  readonly task: string
  readonly parentId: string | null
  /** Null while it is not settled. */
  readonly state: 'succeeded' | 'failed' | 'cancelled' | null
  readonly token: number
  readonly join: 'list' | 'object' | 'value' | null
  /** What it refers to when it never began, because that had failed. */
  readonly upstream: string | null
  readonly errorCode: string | null
  /** The number its handler has made. */
  readonly v: number | null
}

/** One job waits for another. */
export interface EdgeRow {
  readonly parent: string
  readonly child: string
  readonly position: number | null
  readonly intoJoin: boolean
}

/** What the tables say of canvases. */
export interface CanvasDump {
  readonly nodes: readonly NodeRow[]
  readonly edges: readonly EdgeRow[]
  /** What a recount of edges finds wrong. */
  readonly faults: readonly string[]
}

const JOIN_TASK = 'celeriac.group'

/** The mark of a job: groups have none, and error callbacks are given a report before their own. */
export const MARK = `case task when '${JOIN_TASK}' then 'group>' || id when '${ERRBACK_TASK}' then args ->> 1 else args ->> 0 end`
/** Whether a job was made by the engine, by a schedule or by a handler. */
export const DERIVED = `(task in ('${JOIN_TASK}', '${ERRBACK_TASK}', '${TICK_TASK}') or args ->> 0 like '%+%')`

export async function dumpCanvases(rows: Rows): Promise<CanvasDump> {
  const columns = `id, ${MARK} as mark, task, parent_id as "parentId", token::int as token, options ->> 'join' as join`
  return {
    nodes: await rows<NodeRow>(
      `select ${columns}, null as state, null as upstream, null as "errorCode", null::float8 as v
        from celeriac.jobs where workflow_id is not null
      union all
      select ${columns}, state::text, error ->> 'upstream', error ->> 'code', (value ->> 'v')::float8
        from celeriac.results where workflow_id is not null`,
    ),
    edges: await rows<EdgeRow>(
      'select parent_id as parent, child_id as child, position, into_join as "intoJoin" from celeriac.dependencies',
    ),
    faults: (await rows<{ fault: string }>(EDGE_FAULTS)).map(({ fault }) => fault),
  }
}
