import type { CallOptions } from '../task/options.ts'
import type { PlanErrback } from './plan-errbacks.ts'

/** Name of the task of joins. No worker registers it. */
export const JOIN_TASK = 'celeriac.group'
/** Stands for the job outside of a plan that it is joined to. */
export const OUTER = -1

/** What a node is; fields that are rare are absent. */
export interface PlanNode {
  readonly task: string
  readonly args: readonly unknown[]
  /** Options of the call, those of enclosing canvases included. */
  readonly options: CallOptions
  /** Node it is a child of; null for the first ones. */
  readonly parent: number | null
  /** Whether it waits for a parent: its own delay then begins when that is settled. */
  readonly waits: boolean
  /** Whether its first argument is what its parent makes. */
  readonly takesInput: boolean
  /** A node that no worker runs: it makes a list or an object of its parents' values, or hands on the one. */
  readonly join?: 'list' | 'object' | 'value'
  /** Number of the first node inside a join. */
  readonly first?: number
  /** Places in the plan's error callbacks. */
  readonly errbacks: readonly number[]
  readonly map?: { readonly spread: boolean; readonly allowFailures?: true }
  /** Whether it is a member of a group, so that it may add others. */
  isMember?: true
  /** Its value is kept only until those that need it are settled. */
  needed?: true
  /** It takes values that are not kept afterwards. */
  drops?: true
}

/** One node waits for another. */
export interface PlanEdge {
  readonly parent: number
  readonly child: number
  readonly position: number | null
  readonly name: string | null
  /** Whether the child is given the parent's value. */
  readonly passes: boolean
  readonly fromJoin: boolean
  readonly intoJoin: boolean
  /** Whether a failure of the parent counts like a success. */
  readonly either: boolean
  /** What then stands for its value; absent for its error. */
  readonly fallback?: { readonly value: unknown }
  drops?: true
}

/** A canvas as rows. */
export interface Plan {
  readonly nodes: readonly PlanNode[]
  readonly edges: readonly PlanEdge[]
  readonly errbacks: readonly PlanErrback[]
  /** The node whose end is the canvas's end. */
  readonly output: number
}
