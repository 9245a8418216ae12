import type { Database } from '../database.ts'
import type { JobState, JoinKind } from './read-jobs.ts'

/** What is known of a group: how its values are put together, and what it is made of. */
export interface GroupRow {
  readonly id: string
  readonly join: JoinKind
  readonly state: JobState
  readonly workflowId: string
  /** Members of all levels: those of a group inside name it as their `joinId`. In definition order within each. */
  readonly members: readonly MemberRow[]
}

/** One member of a group. */
export interface MemberRow {
  readonly id: string
  readonly joinId: string
  /** From 0. */
  readonly position: number
  /** In a group that is an object. */
  readonly name: string | null
  /** Null for a job of its own. */
  readonly join: JoinKind | null
  /** Null when nothing is kept of it any more. */
  readonly state: JobState | null
  /** Its place among the members by the time they ended; null before. */
  readonly endOrder: number | null
}

/** Jobs of a workflow by their states; groups are no jobs. */
export interface WorkflowCounts {
  readonly total: number
  readonly waiting: number
  readonly pending: number
  readonly running: number
  readonly succeeded: number
  readonly failed: number
  readonly cancelled: number
  readonly done: boolean
}

/** Everything known of a workflow. */
export interface WorkflowRow {
  readonly id: string
  readonly rootId: string
  readonly outputId: string
  readonly name: string
  readonly startedAt: string
  /** In definition order, a group before what is inside. */
  readonly nodes: readonly NodeRow[]
}

/** A row of `workflow_tree`, as JSON. */
export interface NodeRow {
  readonly id: string
  readonly kind: NodeKind
  /** The group it is inside of; null at the top. */
  readonly inside_id: string | null
  readonly depth: number
  readonly path: readonly number[]
  readonly task: string
  readonly state: JobState
  readonly parent_ids: readonly string[]
  readonly position: number | null
  readonly name: string | null
  readonly attempt: number
  readonly progress: unknown
  readonly error_name: string | null
  readonly error_message: string | null
  readonly upstream_id: string | null
  readonly enqueued_at: string
  readonly run_at: string | null
  readonly claimed_at: string | null
  readonly settled_at: string | null
}

/** What a node of a workflow is. */
export type NodeKind = 'job' | 'group' | 'replaced' | 'errback'

/** Reads a group by the id of its join; null when nobody knows it, or it is a job of its own. */
export async function readGroup(database: Database, id: string): Promise<GroupRow | null> {
  const [row] = await database.call('find_group', [id])
  return typeof row?.find_group === 'string' ? (JSON.parse(row.find_group) as GroupRow) : null
}

/** Counts the jobs of the workflow that a job belongs to; null when nobody knows it. */
export async function countWorkflow(database: Database, id: string): Promise<WorkflowCounts | null> {
  const [row] = await database.call('find_workflow_counts', [id])
  return typeof row?.find_workflow_counts === 'string'
    ? (JSON.parse(row.find_workflow_counts) as WorkflowCounts)
    : null
}

/** Reads the workflow that a job belongs to, by its own id or that of the job; null when nobody knows it. */
export async function readWorkflow(database: Database, id: string): Promise<WorkflowRow | null> {
  const [row] = await database.call('find_workflow', [id])
  return typeof row?.find_workflow === 'string' ? (JSON.parse(row.find_workflow) as WorkflowRow) : null
}
