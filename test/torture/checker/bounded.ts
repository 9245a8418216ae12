import type { Check, Violation } from './evidence.ts'

/** I6: a job runs as often as its attempts and losses allow, and idle workers leave the database alone. */
export const bounded: Check = ({ entries, dump }, timeline, bounds) => {
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I6', kind, what })
  for (const row of dump.results) {
    const charged = row.attempt - row.snoozes - row.losses
    if (charged > row.maxAttempts)
      violate('too many attempts', `${row.id}: ${charged} of ${row.maxAttempts} attempts`)
    if (row.losses > bounds.maxLosses + 1) {
      violate('too many losses', `${row.id} (${row.task}) survived ${row.losses} deaths of its workers`)
    }
  }
  for (const { id, starts, most, task } of startsOf(entries, dump, timeline.runs, bounds.maxLosses)) {
    if (starts > most)
      violate('too many starts', `${id} (${task}) began ${starts} times; ${most} were allowed`)
  }

  for (const [process, most] of mostHeld(entries)) {
    if (bounds.mostHeld !== null && most > bounds.mostHeld) {
      violate(
        'too many claimed',
        `${process} held ${most} jobs at once; ${bounds.mostHeld} is the most it may ask for`,
      )
    }
  }

  const idle = rateWhileIdle(entries)
  if (idle !== null && idle.perWorker > bounds.idleTransactions) {
    violate('busy loop', `an idle worker makes ${idle.perWorker.toFixed(1)} transactions a second`)
  }
  return violations
}

function* startsOf(
  entries: Parameters<Check>[0]['entries'],
  dump: Parameters<Check>[0]['dump'],
  runs: Parameters<Check>[1]['runs'],
  maxLosses: number,
): Generator<{ id: string; task: string; starts: number; most: number }> {
  const asked = new Map<string, number>()
  for (const entry of entries) {
    if (entry.e === 'ask' && entry.verb === 'retry') asked.set(entry.j, (asked.get(entry.j) ?? 0) + 1)
  }
  const settled = new Map(dump.results.map((row) => [row.id, row]))
  for (const [id, list] of runs) {
    const row = settled.get(id)
    const losses = row?.losses ?? maxLosses + 1
    const most =
      (row?.maxAttempts ?? 5) + Math.max(losses, maxLosses + 1) + (row?.snoozes ?? 0) + (asked.get(id) ?? 0)
    yield { id, task: list[0]?.task ?? '', starts: list.length, most }
  }
}

/** The most jobs that each process held at once, from the claim to the settling. */
function mostHeld(entries: Parameters<Check>[0]['entries']): Map<string, number> {
  const held = new Map<string, Set<string>>()
  const most = new Map<string, number>()
  for (const entry of entries) {
    if (entry.e === 'claim') {
      const jobs = held.get(entry.p) ?? new Set()
      held.set(entry.p, jobs.add(`${entry.j} ${entry.a}`))
      most.set(entry.p, Math.max(most.get(entry.p) ?? 0, jobs.size))
    } else if (entry.e === 'settled' || entry.e === 'lost') {
      held.get(entry.p)?.delete(`${entry.j} ${entry.a}`)
    } else if (entry.e === 'evicted') {
      held.delete(entry.p)
    }
  }
  return most
}

/** What idle workers cost, measured between the first and the last look at them; null without two looks. */
export function rateWhileIdle(
  entries: Parameters<Check>[0]['entries'],
): { readonly perWorker: number } | null {
  const from = entries.find((entry) => entry.e === 'phase' && entry.name === 'idle')?.t
  const to = entries.find((entry) => entry.e === 'phase' && entry.name === 'close')?.t
  if (from === undefined || to === undefined) return null
  const samples = entries.filter((entry) => entry.e === 'sample' && entry.t >= from && entry.t <= to)
  const [first, last] = [samples[0], samples.at(-1)]
  if (first?.e !== 'sample' || last?.e !== 'sample' || last.t - first.t < 500) return null
  const living = new Set<string>()
  for (const entry of entries) {
    if (entry.t > from) break
    if (entry.e === 'spawn' && entry.role === 'worker') living.add(entry.c)
    if (entry.e === 'exit') living.delete(entry.c)
  }
  const perSecond = ((last.transactions - first.transactions) * 1_000) / (last.t - first.t)
  return { perWorker: perSecond / Math.max(1, living.size) }
}
