import type { Check, Violation } from './evidence.ts'

/** I5: what a handler wrote in its job's own transaction is there once, by the attempt that succeeded, or not at all. */
export const effectsOnce: Check = ({ dump }) => {
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I5', kind, what })
  const effects = new Map<string, number[]>()
  for (const { jobId, token } of dump.effects) effects.set(jobId, [...(effects.get(jobId) ?? []), token])
  // Before there are transactions of jobs, nobody writes any.
  if (effects.size === 0) return []

  const succeeded = new Set<string>()
  for (const { id, task, state, token } of dump.results) {
    if (task !== 'effect' || state !== 'succeeded') continue
    succeeded.add(id)
    const written = effects.get(id) ?? []
    if (written.length === 0) violate('effect missing', `${id} succeeded without its effect`)
    if (written.length > 1) violate('effect doubled', `${id} succeeded with ${written.length} effects`)
    if (written.length === 1 && written[0] !== token) {
      violate('effect of another', `${id}: token ${token} succeeded, the effect is of token ${written[0]}`)
    }
  }
  for (const job of effects.keys()) {
    if (!succeeded.has(job)) violate('effect left', `${job} has not succeeded and left an effect`)
  }
  return violations
}
