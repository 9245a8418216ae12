import type { FlowRow } from '../driver/flow-tables.ts'
import type { Entry } from '../history/entries.ts'
import { type Allowance, allowancesOf } from '../programs/limited.ts'
import { TICK_TASK, TICKING } from '../programs/ticks.ts'
import type { Bounds } from './bounds.ts'
import type { Span, Timeline } from './timeline.ts'

/** From the claim to whatever ended it: as long as the row says so, the job holds its slots, whoever is alive. */
export interface Hold extends Span {
  readonly job: string
  readonly task: string
  /** When it began for the purposes of a rate: as of its claim. */
  readonly began: number
  readonly allowances: readonly Allowance[]
}

/** A job stands and could be taken. */
export interface Wait extends Span {
  readonly task: string
  readonly allowances: readonly Allowance[]
}

/** The lives of limited jobs, as the database wrote them down. */
export interface Flow {
  /** In the order of their claims. */
  readonly holds: readonly Hold[]
  readonly waits: readonly Wait[]
}

/** What limits a job: those of its task; and jobs of a schedule that queues them run one after the other. */
function allowancesFor({ task, parameter, stamp }: FlowRow): readonly Allowance[] {
  if (task !== TICK_TASK) return allowancesOf(task, parameter)
  const queues = TICKING.some(({ name, overlap }) => name === stamp?.[0] && overlap === 'queue')
  return queues ? [{ limit: `schedule:${stamp?.[0]}`, key: '', concurrency: 1 }] : []
}

/**
 * Puts the steps of each job together. A job that was claimed beside its lane is looked at by its worker and sent there;
 * it counts when its handler was called all the same.
 */
export function flowOf(rows: readonly FlowRow[], entries: readonly Entry[]): Flow {
  const begun = new Set(entries.flatMap((entry) => (entry.e === 'start' ? [`${entry.j} ${entry.k}`] : [])))
  const last = entries.at(-1)?.t ?? 0
  const steps = new Map<string, FlowRow[]>()
  for (const row of rows) {
    const known = steps.get(row.job)
    if (known === undefined) steps.set(row.job, [row])
    else known.push(row)
  }
  const holds: Hold[] = []
  const waits: Wait[] = []
  for (const [job, life] of steps) {
    for (const [index, row] of life.entries()) {
      const { at, what, task, token, inLane, claimedAt, runAt } = row
      const to = life[index + 1]?.at ?? last
      const allowances = allowancesFor(row)
      if (allowances.length === 0 || what === 'out') continue
      if (what !== 'took') {
        const from = Math.max(at, runAt ?? at)
        if (from < to) waits.push({ from, to, task, allowances })
      } else if (inLane || begun.has(`${job} ${token}`)) {
        holds.push({ from: at, to, job, task, began: claimedAt ?? at, allowances })
      }
    }
  }
  return { holds: holds.sort((one, other) => one.from - other.from), waits }
}

export const nameOf = ({ limit, key }: Allowance): string => (key === '' ? limit : `${limit} of ${key}`)

/** Holds by the key of a limit that they are held against. */
export function byAllowance(holds: readonly Hold[]): Map<string, { allowance: Allowance; holds: Hold[] }> {
  const all = new Map<string, { allowance: Allowance; holds: Hold[] }>()
  for (const hold of holds) {
    for (const allowance of hold.allowances) {
      const known = all.get(nameOf(allowance))
      if (known === undefined) all.set(nameOf(allowance), { allowance, holds: [hold] })
      else known.holds.push(hold)
    }
  }
  return all
}

/** While at least so many of the spans cover an instant; in order, apart from each other. */
export function coveredBy(spans: readonly Span[], least = 1): Span[] {
  // Who leaves at an instant makes room for who comes at it.
  const steps = spans
    .flatMap(({ from, to }) =>
      from < to
        ? [
            { at: from, by: 1 },
            { at: to, by: -1 },
          ]
        : [],
    )
    .sort((one, other) => one.at - other.at || one.by - other.by)
  const covered: Span[] = []
  let depth = 0
  let from = 0
  for (const { at, by } of steps) {
    if (by === 1 && depth === least - 1) from = at
    if (by === -1 && depth === least && at > from) covered.push({ from, to: at })
    depth += by
  }
  return covered
}

/** What is left of a span, without others. */
export function without({ from, to }: Span, others: readonly Span[]): Span[] {
  const left: Span[] = []
  let at = from
  for (const other of coveredBy(others)) {
    if (other.from >= to) break
    if (other.to <= at) continue
    if (other.from > at) left.push({ from: at, to: other.from })
    at = other.to
  }
  if (at < to) left.push({ from: at, to })
  return left
}

/** While nobody can be asked to work: no server, or no worker that has started, lives and is heard; and until they are back. */
export function troubleIn(
  { outages, processes }: Timeline,
  entries: readonly Entry[],
  bounds: Bounds,
): Span[] {
  const said = Map.groupBy(
    entries.filter(({ e }) => /^(worker|evicted|fenced|unfenced)$/.test(e)),
    ({ p }) => p,
  )
  const able = [...said].flatMap(([name, facts]) => {
    const life = processes.get(name)
    const [started] = facts.filter(({ e }) => e === 'worker')
    if (life === undefined || started === undefined) return []
    const away = facts.flatMap(({ e, t }) => {
      if (e !== 'evicted' && e !== 'fenced') return []
      const back = facts.find((fact) => fact.t > t && fact.e === (e === 'fenced' ? 'unfenced' : 'worker'))
      return [{ from: t, to: back?.t ?? Number.POSITIVE_INFINITY }]
    })
    return without({ from: started.t, to: life.terminatedAt ?? life.diedAt }, [
      ...life.frozen,
      ...life.partitioned,
      ...away,
    ])
  })
  const all = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }
  return [...outages, ...without(all, able)].map(({ from, to }) => ({ from, to: to + bounds.recovery.R4 }))
}
