import { isCeleriacError } from '../../src/index.ts'
import type { Lane } from './harness.ts'
import { type AnyHandle, type Canvas, type Kit, kitOf } from './kit.ts'
import { assertQuiescent, type Node, nodesOf } from './quiescence.ts'
import { type Call, callsIn } from './tables.ts'
import { resultOf, start } from './values.ts'

/** How a canvas ended, whichever way, once it has come to rest. */
export interface Ended {
  readonly handle: AnyHandle
  readonly value: unknown
  /** What waiting for it threw. */
  readonly error: Error | null
  /** Its nodes in order of definition, and what was linked to them. */
  readonly nodes: readonly Node[]
  /** `task state` of each. */
  readonly states: readonly string[]
  readonly calls: readonly Call[]
  /** The first of its own arguments of each call of an error handler, sorted. */
  readonly called: readonly unknown[]
}

/** Runs a canvas to its end. */
export async function run(
  lane: Lane,
  build: (kit: Kit) => Canvas,
  args: readonly unknown[] = [],
): Promise<Ended> {
  const handle = await start(lane, build(kitOf(lane.tasks)), args)
  return ended(lane, handle)
}

/** Waits for the end of a canvas. */
export async function ended(lane: Lane, handle: AnyHandle): Promise<Ended> {
  const { value, error } = await resultOf(handle).then(
    (value) => ({ value, error: null }),
    (error: unknown) => ({ value: undefined, error: asError(error) }),
  )
  await assertQuiescent(lane.database, handle.workflow.id)
  const nodes = (await nodesOf(lane.database, handle.workflow.id)).filter(({ task }) => task !== 'errLog')
  const calls = await callsIn(lane.database, handle.workflow.id)
  return {
    handle,
    value,
    error,
    nodes,
    states: nodes.map(({ task, state }) => `${task} ${state}`),
    calls,
    called: calls.map(({ own }) => own[0]).toSorted(),
  }
}

function asError(thrown: unknown): Error {
  if (thrown instanceof Error && !isCeleriacError(thrown, 'RESULT_TIMEOUT')) return thrown
  throw thrown
}

/** Names and codes of an error and its causes, from the outermost on. */
export function causesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return [error.name, ...causesOf(error.cause)]
}
