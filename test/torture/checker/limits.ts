import type { Check, Evidence, Violation } from './evidence.ts'
import { byAllowance, coveredBy, type Flow, flowOf, type Hold, nameOf, troubleIn, without } from './flow.ts'
import type { Span } from './timeline.ts'

/** Clocks are written down to the microsecond. */
const BLUR_MS = 0.002

/**
 * I12: never more at once than a limit allows, counted by who holds the job and not by who lives; never more starts in any
 * window; none while somebody holds the key; and never none for longer than a window while jobs of the key wait.
 */
export const limits: Check = (evidence, timeline, bounds) => {
  const { dump, entries } = evidence
  const flow = flowOf(dump.flow.flow, entries)
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I12', kind, what })

  for (const [name, { allowance, holds }] of byAllowance(flow.holds)) {
    const { concurrency, rate } = allowance
    if (concurrency !== undefined) {
      const most = mostAtOnce(holds)
      if (most > concurrency) violate('too many at once', `${name}: ${most} ran at once; ${concurrency} may`)
    }
    if (rate !== undefined) {
      const most = mostInWindow(holds, rate.perMs)
      if (most > rate.limit)
        violate('too many starts', `${name}: ${most} began within ${rate.perMs} ms; ${rate.limit} may`)
    }
    for (const held of dump.flow.holds.filter(({ limit, key }) => nameOf({ limit, key }) === name)) {
      const begun = holds.filter(({ from }) => from > held.from && from < held.to)
      if (begun.length > 0) violate('not held', `${name}: ${begun.length} began while it was held`)
    }
  }
  // Times of a server whose clock was set do not fit the history any more.
  if (entries.some((entry) => entry.e === 'clock' && entry.c === 'postgres')) return violations
  const trouble = troubleIn(timeline, entries, bounds)
  for (const { name, from, to, windowMs } of stalls(flow, evidence, trouble)) {
    if (to - from <= windowMs + bounds.stallMs + bounds.slackMs) continue
    violate(
      'stalled',
      `${name}: nothing began for ${Math.round(to - from)} ms though jobs waited and might have`,
    )
  }
  return violations
}

/** The most that any key of a limit had running at once, and how much of it that was; for the report. */
export function fullest({ dump, entries }: Evidence): string {
  const { holds } = flowOf(dump.flow.flow, entries)
  const seen = new Map<string, number>()
  for (const { allowance, holds: own } of byAllowance(holds).values()) {
    const { limit, concurrency, rate } = allowance
    const [most, of] =
      rate === undefined ? [mostAtOnce(own), concurrency] : [mostInWindow(own, rate.perMs), rate.limit]
    const kind = limit.startsWith('schedule:') ? 'schedule' : limit.replace(/^task:limited-|\/.*$/g, '')
    const key = `${kind} of ${of}`
    seen.set(key, Math.max(seen.get(key) ?? 0, most))
  }
  return [...seen]
    .map(([key, most]) => `${key.replace(' of', ` ${most} of`)}`)
    .sort()
    .join(', ')
}

function mostAtOnce(holds: readonly Hold[]): number {
  let most = 0
  while (coveredBy(holds, most + 1).length > 0) most += 1
  return most
}

/** A window does not include the instant a whole window ago. */
function mostInWindow(holds: readonly Hold[], perMs: number): number {
  const starts = holds.map(({ began }) => began).sort((one, other) => one - other)
  let first = 0
  let most = 0
  for (const [index, at] of starts.entries()) {
    while (at - (starts[first] ?? at) >= perMs - BLUR_MS) first += 1
    most = Math.max(most, index - first + 1)
  }
  return most
}

interface Stall extends Span {
  readonly name: string
  readonly windowMs: number
}

/** While jobs with the same limits waited, each limit had room, and none of them let anything begin. */
function stalls({ holds, waits }: Flow, { dump }: Evidence, trouble: readonly Span[]): Stall[] {
  const lanes = Map.groupBy(waits, ({ task, allowances }) => [task, ...allowances.map(nameOf)].join(' '))
  const used = byAllowance(holds)
  return [...lanes].flatMap(([name, own]) => {
    const allowances = own[0]?.allowances ?? []
    const usedHere = allowances.flatMap((allowance) => used.get(nameOf(allowance))?.holds ?? [])
    const closed = allowances.flatMap((allowance) => [
      ...(allowance.concurrency === undefined
        ? []
        : coveredBy(used.get(nameOf(allowance))?.holds ?? [], allowance.concurrency)),
      ...dump.flow.holds.filter((held) => nameOf(held) === nameOf(allowance)),
    ])
    const starts = usedHere.map(({ from }) => from).sort((one, other) => one - other)
    const windowMs = Math.max(0, ...allowances.map(({ rate }) => rate?.perMs ?? 0))
    return coveredBy(own)
      .flatMap((waiting) => without(waiting, [...closed, ...trouble]))
      .flatMap((span) => split(span, starts))
      .map((span) => ({ ...span, name, windowMs }))
  })
}

function split({ from, to }: Span, at: readonly number[]): Span[] {
  const cuts = [from, ...at.filter((t) => t > from && t < to), to]
  return cuts.slice(1).map((end, index) => ({ from: cuts[index] ?? from, to: end }))
}
