import { parseBackoff } from '../base/backoff.ts'
import { assertJobId } from '../base/ids.ts'
import { instant } from '../base/options.ts'
import {
  type CallOptions,
  type ResolvedJobOptions,
  resolveCallOptions,
  resolveTaskOptions,
} from '../task/options.ts'
import type { SignatureOptions } from './data.ts'

const DEFAULTS: ResolvedJobOptions = resolveTaskOptions({})

/**
 * Checks options for a signature when they are given, so that they are refused where they were written.
 *
 * @param task - the options of its task, where it has one
 * @returns a copy that nobody else holds
 * @throws {CeleriacError} `OPTION_…`, `JOB_ID_INVALID`
 */
export function checkedOptions(options: CallOptions, task: ResolvedJobOptions = DEFAULTS): SignatureOptions {
  resolveCallOptions(options, task)
  if (options.backoff !== undefined) parseBackoff(options.backoff)
  const { tx: _, id, runAt, expires, labels, backoff, ...rest } = options
  return Object.freeze({
    ...withoutUndefined(rest),
    ...(id !== undefined && { id: assertJobId(id) }),
    ...(runAt !== undefined && { runAt: instant(runAt, 'runAt') }),
    ...(expires !== undefined && { expires: expires instanceof Date ? new Date(expires) : expires }),
    ...(labels !== undefined && { labels: Object.freeze({ ...labels }) }),
    ...(backoff !== undefined && { backoff: Object.freeze(structuredClone(backoff)) }),
  })
}

function withoutUndefined<Bag extends object>(bag: Bag): Bag {
  const given = { ...bag }
  for (const key of Object.keys(given)) {
    if (Reflect.get(given, key) === undefined) Reflect.deleteProperty(given, key)
  }
  return given
}
