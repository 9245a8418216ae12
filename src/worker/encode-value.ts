import { type Codec, encodeResult } from '../base/json.ts'
import type { Attempt } from './attempt.ts'

/** How what handlers return is written. */
export interface ValueContext {
  readonly codec: Codec | undefined
  readonly maxResultBytes: number
}

/** What a handler returned as JSON text; null for nothing, and when the job's result is ignored. */
export function encodeValue(
  attempt: Attempt,
  value: unknown,
  { codec, maxResultBytes }: ValueContext,
): string | null {
  const ignored = attempt.rowOptions?.ignoreResult ?? attempt.definition.options.ignoreResult
  // Nodes that take it are given it all the same; it is dropped behind them.
  if (value === undefined || (ignored === true && attempt.rowOptions?.needed !== true)) return null
  return encodeResult(value, { task: attempt.task, maxBytes: maxResultBytes, codec })
}
