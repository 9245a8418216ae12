import type { Entry } from '../history/entries.ts'
import type { Check } from './evidence.ts'
import { percentile } from './figures.ts'

/** I9: with idle workers, an enqueued job begins at once. Measured in the phase `probe`, when nothing is wrong. */
export const wakesUp: Check = ({ entries }, _, bounds) => {
  const waits = wakeUps(entries)
  const p99 = percentile(waits, 0.99)
  if (p99 === null || p99 <= bounds.wakeUpMs) return []
  return [
    {
      invariant: 'I9',
      kind: 'slow wake-up',
      what: `p99 from enqueue to start is ${Math.round(p99)} ms over ${waits.length} jobs`,
    },
  ]
}

/** What is measured so near to a sign that the machine is busy tells nothing. */
const BUSY_AROUND_MS = 300

/** Ms from the acknowledgement to the start of each job of the probe; Infinity for one that never began. */
export function wakeUps(entries: readonly Entry[]): number[] {
  const from = entries.find((entry) => entry.e === 'phase' && entry.name === 'probe')?.t
  if (from === undefined) return []
  const to = entries.find((entry) => entry.e === 'phase' && entry.t > from)?.t ?? Number.POSITIVE_INFINITY
  const started = new Map<string, number>()
  for (const entry of entries) {
    if (entry.e === 'start' && !started.has(entry.mark)) started.set(entry.mark, entry.t)
  }
  const busy = entries.filter((entry) => entry.e === 'busy')
  const isBusy = (t: number): boolean => busy.some((entry) => Math.abs(entry.t - t) < BUSY_AROUND_MS)
  return entries.flatMap((entry) =>
    entry.e === 'enq-ok' && entry.t >= from && entry.t <= to && !isBusy(entry.t)
      ? entry.ks.map((mark) => Math.max(0, (started.get(mark) ?? Number.POSITIVE_INFINITY) - entry.t))
      : [],
  )
}
