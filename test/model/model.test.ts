import { describe, expect, test } from 'vitest'
import { PROTOCOL, type Rules } from './rules.ts'
import { type Finding, type Scope, search } from './search.ts'
import { VARIANTS } from './variants.ts'

const MOST_MS = 120_000

/** A finding as text: the steps one by one, and what they break. */
function tell({ states, breach, trace }: Finding): string {
  if (breach === null) return `nothing is broken in ${states} states`
  const steps = trace.map((step, index) => `${String(index + 1).padStart(4)}. ${step}`)
  return [`${breach.promise}: ${breach.what}`, ...steps, `(${states} states)`].join('\n')
}

describe('the protocol of liveness and fencing', () => {
  const scopes: readonly (readonly [Rules['onUnreachable'], Scope])[] = [
    ['abort', { jobs: 1, faults: 2 }],
    ['continue', { jobs: 1, faults: 2 }],
    ['abort', { jobs: 2, faults: 1 }],
  ]
  test.each(scopes)(
    'keeps every promise and never gets stuck: onUnreachable %s, %o',
    (onUnreachable, scope) => {
      const finding = search({ ...PROTOCOL, onUnreachable }, scope)
      expect(finding.breach, tell(finding)).toBeNull()
      expect(finding.states).toBeGreaterThan(50_000)
      expect(finding.states).toBeLessThan(1_000_000)
    },
    MOST_MS,
  )
})

describe('a broken protocol is found out', () => {
  test.each(VARIANTS)(
    '$name breaks $breaks',
    ({ rules, scope, breaks }) => {
      const finding = search(rules, scope)
      expect(finding.breach?.promise, tell(finding)).toBe(breaks)
      expect(finding.trace.length, tell(finding)).toBeGreaterThan(2)
    },
    MOST_MS,
  )
})

describe('what is not promised', () => {
  const limits: readonly (readonly [string, Partial<Rules>])[] = [
    ['sessions that are reset and cannot be opened again within a grace', { resets: true }],
    ['a leader that starts just after an outage, before others are back', { freshLeader: true }],
  ]
  test.each(limits)(
    'no overlap (I3) after %s; what is settled stays right',
    (_, change) => {
      const finding = search({ ...PROTOCOL, ...change }, { jobs: 1, faults: 2 })
      expect(finding.breach?.promise, tell(finding)).toBe('I3')
    },
    MOST_MS,
  )
})
