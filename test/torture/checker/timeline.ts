import type { Entry, Role } from '../history/entries.ts'

/** From an instant to another; an open end is Infinity. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** What is known of a process. */
export interface ProcessLife {
  readonly name: string
  readonly role: Role | null
  readonly spawnedAt: number
  /** Killed, or seen to have ended; Infinity while it lives. */
  readonly diedAt: number
  /** Ended by itself or by a signal other than a clean stop. */
  readonly died: 'killed' | 'ended' | 'stopped' | null
  readonly frozen: readonly Span[]
  readonly partitioned: readonly Span[]
  /** When its sessions of presence were ended from outside. */
  readonly cuts: readonly number[]
  /** When all its connections were reset again and again, or on a slow line: it could hardly be back within a grace. */
  readonly shaken: readonly Span[]
  readonly terminatedAt: number | null
}

/** One attempt as its process saw it. */
export interface Run {
  readonly job: string
  readonly token: number
  readonly attempt: number
  readonly process: string
  readonly worker: string
  readonly task: string
  readonly start: number
  /** When it could do nothing any more; Infinity when nothing tells. */
  readonly close: number
  readonly closedBy: 'end' | 'lost' | 'settled' | 'death' | 'nothing'
}

/** The history, put in order by job, by process and by kind of trouble. */
export interface Timeline {
  readonly processes: ReadonlyMap<string, ProcessLife>
  /** Process by id of worker. */
  readonly processOf: ReadonlyMap<string, string>
  readonly runs: ReadonlyMap<string, readonly Run[]>
  /** When each job was claimed, as far as the claim's answer arrived. */
  readonly claims: ReadonlyMap<string, readonly number[]>
  /** While the server took no connections. */
  readonly outages: readonly Span[]
  readonly phases: ReadonlyMap<string, number>
  /** When each program said that it is done. */
  readonly downs: ReadonlyMap<string, number>
}

export function buildTimeline(entries: readonly Entry[]): Timeline {
  const processes = livesOf(entries)
  return {
    processes,
    processOf: workersOf(entries),
    runs: runsOf(entries, processes),
    claims: claimsOf(entries),
    outages: spansOf(
      entries.filter(({ e }) => e === 'pgstop'),
      entries.filter(({ e }) => e === 'pgstart'),
    ),
    downs: new Map(entries.flatMap(({ e, p, t }) => (e === 'down' ? [[p, t] as const] : []))),
    phases: new Map(
      entries.flatMap((entry) => (entry.e === 'phase' ? [[entry.name, entry.t] as const] : [])),
    ),
  }
}

/** Whether two spans have an instant in common. */
export function meet(one: Span, other: Span): boolean {
  return one.from <= other.to && other.from <= one.to
}

/** Runs whose authority has not ended at an instant: those of a dead process there count as open. */
export function runsAt(timeline: Timeline, process: string, t: number): Run[] {
  return [...timeline.runs.values()].flatMap((runs) =>
    runs.filter((run) => run.process === process && run.start <= t && run.close >= t),
  )
}

/** When the same job was taken again, wherever: claimed, or begun; null for never. */
export function nextTaken({ runs, claims }: Timeline, run: Run): number | null {
  const begun = runs.get(run.job)?.find((other) => other.start > run.start && other !== run)?.start
  // Whoever claimed it may have died before it could begin; that is a death of its own.
  const claimed = claims.get(run.job)?.find((t) => t > run.start)
  const taken = Math.min(begun ?? Infinity, claimed ?? Infinity)
  return taken === Infinity ? null : taken
}

function livesOf(entries: readonly Entry[]): Map<string, ProcessLife> {
  const about = new Map<string, Entry[]>()
  const note = (name: string, entry: Entry): void => {
    const list = about.get(name)
    if (list === undefined) about.set(name, [entry])
    else list.push(entry)
  }
  for (const entry of entries) {
    if ('c' in entry) note(entry.c, entry)
    else if (entry.e === 'down') note(entry.p, entry)
  }
  return new Map([...about].map(([name, list]) => [name, lifeOf(name, list)]))
}

function lifeOf(name: string, list: readonly Entry[]): ProcessLife {
  const at = (...kinds: string[]): Entry[] => list.filter(({ e }) => kinds.includes(e))
  const spawned = list.find((entry) => entry.e === 'spawn')
  const [killed] = at('kill9')
  const [exit] = at('exit')
  const [down] = at('down')
  const diedAt = Math.min(killed?.t ?? Infinity, exit?.t ?? Infinity)
  return {
    name,
    role: spawned?.e === 'spawn' ? spawned.role : null,
    spawnedAt: spawned?.t ?? 0,
    diedAt,
    died:
      killed !== undefined ? 'killed' : exit === undefined ? null : down === undefined ? 'ended' : 'stopped',
    frozen: spansOf(at('sigstop'), at('sigcont', 'kill9')),
    partitioned: spansOf(at('partition'), at('heal')),
    shaken: shakenIn(list),
    cuts: at('cut').map(({ t }) => t),
    terminatedAt: at('term')[0]?.t ?? null,
  }
}

/** How long after a reset a process is excused that was reset twice, or is on a slow line. */
const SHAKEN_MS = 4_000

function shakenIn(list: readonly Entry[]): Span[] {
  const resets = list.filter(({ e }) => e === 'reset')
  return resets.flatMap(({ t }) => {
    const again = list.some(
      (entry) => /^(reset|drop)$/.test(entry.e) && Math.abs(entry.t - t) < SHAKEN_MS && entry.t !== t,
    )
    const slow = list.findLast((entry) => entry.e === 'delay' && entry.t <= t + SHAKEN_MS)
    const isSlow = slow?.e === 'delay' && (slow.ms > 0 || slow.t > t)
    return again || isSlow ? [{ from: t, to: t + SHAKEN_MS }] : []
  })
}

function claimsOf(entries: readonly Entry[]): Map<string, number[]> {
  const claims = new Map<string, number[]>()
  for (const entry of entries) {
    if (entry.e !== 'claim') continue
    const known = claims.get(entry.j)
    if (known === undefined) claims.set(entry.j, [entry.t])
    else known.push(entry.t)
  }
  return claims
}

function spansOf(begins: readonly Entry[], ends: readonly Entry[]): Span[] {
  return begins.map(({ t: from }) => ({ from, to: ends.find(({ t }) => t >= from)?.t ?? Infinity }))
}

function workersOf(entries: readonly Entry[]): Map<string, string> {
  const processOf = new Map<string, string>()
  for (const entry of entries) {
    if (entry.e === 'worker' || entry.e === 'start') processOf.set(entry.w, entry.p)
  }
  return processOf
}

function runsOf(
  entries: readonly Entry[],
  processes: ReadonlyMap<string, ProcessLife>,
): Map<string, readonly Run[]> {
  type Open = { -readonly [Key in keyof Run]: Run[Key] }
  const runs = new Map<string, Open[]>()
  const close = (run: Open | undefined, t: number, closedBy: Run['closedBy']): void => {
    if (run === undefined || run.close !== Infinity) return
    run.close = Math.max(run.start, t)
    run.closedBy = closedBy
  }
  for (const entry of entries) {
    if (entry.e === 'start') {
      const { j, k, a, w, task, t, p } = entry
      const list = runs.get(j) ?? []
      list.push({
        ...{ job: j, token: k, attempt: a, process: p, worker: w, task, start: t },
        ...{ close: Infinity, closedBy: 'nothing' },
      })
      runs.set(j, list)
    } else if (entry.e === 'end') {
      close(
        runs.get(entry.j)?.findLast((run) => run.token === entry.k && run.process === entry.p),
        entry.t,
        'end',
      )
    } else if (entry.e === 'lost' || entry.e === 'settled') {
      close(
        runs.get(entry.j)?.findLast((run) => run.attempt === entry.a && run.process === entry.p),
        entry.t,
        entry.e,
      )
    }
  }
  for (const list of runs.values()) {
    for (const run of list) {
      const diedAt = processes.get(run.process)?.diedAt ?? Infinity
      if (diedAt < run.close) {
        run.close = Math.max(run.start, diedAt)
        run.closedBy = 'death'
      }
    }
  }
  return runs
}
