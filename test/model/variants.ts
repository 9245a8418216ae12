/* The protocol with one part taken away or made wrong, and what that breaks: what each part is there for. */

import { PROTOCOL, type Rules } from './rules.ts'
import type { Finding, Scope } from './search.ts'

/** One broken protocol. */
export interface Variant {
  readonly name: string
  readonly rules: Rules
  readonly scope: Scope
  readonly breaks: NonNullable<Finding['breach']>['promise']
}

const variant = (
  name: string,
  change: Partial<Rules>,
  breaks: Variant['breaks'],
  faults: number,
): Variant => ({ name, rules: { ...PROTOCOL, ...change }, breaks, scope: { jobs: 1, faults } })

export const VARIANTS: readonly Variant[] = [
  variant('settling without a fence', { fence: 'nothing' }, 'I5', 1),
  variant('a fence that only asks whether the job runs', { fence: 'state' }, 'I4', 2),
  variant('a fence by worker only', { fence: 'worker' }, 'I3', 2),
  variant('a refused settling judged by guess', { resolve: 'by guess' }, 'I4', 1),
  variant('jobs taken away without a new token', { takeAwayRaises: false }, 'I4', 2),
  variant('one that was declared dead may claim', { lostMayNotClaim: false }, 'I3', 1),
  variant('rescue as soon as a lock is free', { grace: false }, 'I3', 1),
  variant('rescue by one that had the same outage', { warmUp: false, onUnreachable: 'continue' }, 'I3', 1),
  variant('a lock of before the restart taken for evidence', { postmaster: false }, 'I3', 1),
  variant('no self-fence', { selfFence: false }, 'I3', 2),
  variant('rescue by inner join with workers', { orphans: false }, 'stuck', 1),
  variant('no reconcile', { reconcile: 'never' }, 'stuck', 1),
  variant('reconcile while a claim is under way', { reconcile: 'while claims are under way' }, 'I3', 1),
  variant('reconcile by what is kept instead of by token', { reconcile: 'by what it keeps' }, 'I3', 2),
]
