import type { Entry } from '../history/entries.ts'
import type { Check, Violation } from './evidence.ts'

/** What producers were told about their jobs, by mark. */
interface Told {
  readonly promised: Set<string>
  readonly refused: Set<string>
  readonly asked: Set<string>
}

/**
 * I1: every job that was acknowledged ends in exactly one final state; one that was refused or rolled back is not
 * there; of one that was never answered either is right. A row of the same transaction shares the job's fate.
 */
export const noLoss: Check = ({ entries, dump, drained }) => {
  const { promised, refused, asked } = readTold(entries)
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I1', kind, what })

  const settled = new Map<string, number>()
  for (const { mark, derived } of dump.results)
    if (derived !== true) settled.set(mark, (settled.get(mark) ?? 0) + 1)
  const left = new Set(dump.left.flatMap(({ mark, derived }) => (derived === true ? [] : [mark])))

  for (const mark of promised) {
    if (!settled.has(mark) && !left.has(mark)) violate('lost', `${mark} was acknowledged and is nowhere`)
  }
  for (const [mark, rows] of settled) {
    if (rows > 1) violate('doubled', `${mark} is settled ${rows} times`)
    if (left.has(mark)) violate('doubled', `${mark} is settled and still to be run`)
  }
  for (const mark of new Set([...settled.keys(), ...left])) {
    if (!asked.has(mark)) violate('unexpected', `${mark} is there and nobody asked for it`)
    if (refused.has(mark)) violate('unexpected', `${mark} is there though it was refused or rolled back`)
  }
  if (drained) for (const mark of left) violate('unsettled', `${mark} is not settled`)

  const orders = new Set(dump.orders)
  for (const entry of entries) {
    if (entry.e !== 'tx-begin') continue
    for (const mark of entry.ks) {
      const there = settled.has(mark) || left.has(mark)
      if (there !== orders.has(mark)) {
        violate(
          'torn',
          `${mark}: its job is ${there ? '' : 'not '}there, the row of its transaction is the opposite`,
        )
      }
    }
  }
  return violations
}

function readTold(entries: readonly Entry[]): Told {
  const told: Told = { promised: new Set(), refused: new Set(), asked: new Set() }
  const transactions = new Map<string, readonly string[]>()
  const addTo = (set: Set<string>, marks: readonly string[]): void => {
    for (const mark of marks) set.add(mark)
  }
  for (const entry of entries) {
    switch (entry.e) {
      case 'enq':
        addTo(told.asked, entry.ks)
        break
      case 'enq-ok':
        addTo(told.promised, entry.ks)
        break
      case 'enq-fail':
        addTo(told.refused, entry.ks)
        break
      case 'tx-begin':
        transactions.set(entry.x, entry.ks)
        addTo(told.asked, entry.ks)
        break
      case 'tx-commit':
        addTo(told.promised, transactions.get(entry.x) ?? [])
        break
      case 'tx-rollback':
        addTo(told.refused, transactions.get(entry.x) ?? [])
        break
    }
  }
  return told
}
