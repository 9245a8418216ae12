import type { Check, Violation } from './evidence.ts'

/** I4: a final row carries the token and the worker of the attempt whose value it shows, and is settled once. */
export const fenced: Check = ({ entries, dump }, timeline) => {
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I4', kind, what })
  for (const row of dump.results) {
    // A group makes its value when somebody asks for it.
    if (row.state !== 'succeeded' || (row.join ?? null) !== null) continue
    if (row.value === null) {
      violate('wrong settlement', `${row.id} (${row.task}) succeeded without the value of its handler`)
      continue
    }
    if (row.value.token !== row.token || row.value.worker !== row.workerId) {
      violate(
        'wrong settlement',
        `${row.id} (${row.task}): the row is of token ${row.token}, its value of token ${row.value.token}`,
      )
    }
    const runs = timeline.runs.get(row.id)
    if (runs !== undefined && !runs.some(({ token }) => token === row.token)) {
      violate('wrong settlement', `${row.id} (${row.task}): token ${row.token} succeeded and never began`)
    }
  }

  const again = new Map<string, number>()
  const ends = new Map<string, number>()
  for (const entry of entries) {
    if (entry.e === 'ask' && entry.verb === 'retry') again.set(entry.j, (again.get(entry.j) ?? 0) + 1)
    if (entry.e !== 'settled' || !/^(succeeded|failed|cancelled)$/.test(entry.as)) continue
    ends.set(entry.j, (ends.get(entry.j) ?? 0) + 1)
  }
  for (const [job, count] of ends) {
    if (count > 1 + (again.get(job) ?? 0))
      violate('settled twice', `${job}: workers settled it ${count} times`)
  }
  return violations
}
