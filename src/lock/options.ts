import { toMs } from '../base/duration.ts'
import { oneOf, refuseUnknown, text } from '../base/options.ts'
import type { JobLockOptions } from './lock.ts'

/** Options of a lock as they hold. */
export interface ResolvedLockOptions {
  readonly onBusy: 'wait' | 'skip' | 'retry'
  readonly timeoutMs: number
}

const PATIENT_MS = 30_000
const MOST_KEY_BYTES = 1_024

/** @throws {CeleriacError} `OPTION_…` */
export function resolveLockOptions(
  options: JobLockOptions,
  words: readonly ResolvedLockOptions['onBusy'][],
): ResolvedLockOptions {
  refuseUnknown(options, ['onBusy', 'timeout'], 'lock')
  const onBusy = oneOf(options.onBusy ?? 'wait', 'onBusy', words)
  const fallback = onBusy === 'wait' ? PATIENT_MS : 0
  return { onBusy, timeoutMs: options.timeout === undefined ? fallback : toMs(options.timeout, 'timeout') }
}

/** @throws {CeleriacError} `OPTION_INVALID` for what cannot be a key */
export function assertKey(key: unknown): string {
  return text(key, 'key of a lock', MOST_KEY_BYTES)
}
