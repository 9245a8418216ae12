import type { Entry } from '../history/entries.ts'
import type { Check, Evidence, Violation } from './evidence.ts'
import { meet, type Run, type Timeline } from './timeline.ts'

/**
 * I2: tokens of a job only grow, each is started at most once, a take-away raises it, and a number that nobody
 * started has a reason: a take-away, a claim that was given back, or a verb of the operator.
 */
export const oneAuthority: Check = ({ entries, dump }, timeline) => {
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I2', kind, what })
  const reasons = reasonsByJob(entries, dump)
  const rows = new Map([...dump.results, ...dump.left].map((row) => [row.id, row]))
  const uncharged = new Map(dump.results.map(({ id, snoozes, losses }) => [id, snoozes + losses]))

  for (const [job, runs] of timeline.runs) {
    const seen = new Map<number, Run>()
    for (const run of runs) {
      const twin = seen.get(run.token)
      if (twin !== undefined) {
        violate('token started twice', `${job} token ${run.token}: in ${twin.process} and in ${run.process}`)
      }
      seen.set(run.token, run)
    }
    const [last] = runs.slice(-1)
    const row = rows.get(job)
    if (row !== undefined && last !== undefined && runs.some(({ token }) => token > row.token)) {
      violate('token shrank', `${job}: the row has ${row.token}, an attempt had more`)
    }
    for (const [index, run] of runs.entries()) {
      const before = runs[index - 1]
      if (before === undefined || before.token < run.token) continue
      if (before.token > run.token && !slept(timeline, run)) {
        violate('token shrank', `${job}: ${run.token} started after ${before.token}`)
      }
    }
    const started = [...seen.keys()].sort((one, other) => one - other)
    for (const [index, token] of started.entries()) {
      const before = started[index - 1] ?? 0
      const reason = reasons.get(job)
      if (token - before > 1 && reason === undefined && uncharged.get(job) === 0) {
        violate('gap', `${job}: nobody started token ${before + 1}, and nothing tells why`)
      }
      if (token - before === 1 && reason?.taken.has(before) === true) {
        violate(
          'token not raised',
          `${job}: token ${before} was taken away, and ${token} is the next claim's`,
        )
      }
    }
  }
  return violations
}

interface Reasons {
  /** Tokens that the table says were taken away. */
  readonly taken: Set<number>
}

function reasonsByJob(entries: readonly Entry[], { attempts, flow }: Evidence['dump']): Map<string, Reasons> {
  const reasons = new Map<string, Reasons>()
  const of = (job: string): Reasons => {
    const known = reasons.get(job) ?? { taken: new Set() }
    reasons.set(job, known)
    return known
  }
  for (const { jobId, token, outcome } of attempts) {
    if (outcome === 'lost') of(jobId).taken.add(token)
  }
  // Claimed beside its lane, and sent there.
  for (const { what, inLane, job } of flow.flow) if (what === 'took' && !inLane) of(job)
  // A claim that was known and never begun was given back, even if its process was killed before it could say so.
  const begun = new Set<string>()
  for (const entry of entries) if (entry.e === 'start') begun.add(`${entry.p} ${entry.j} ${entry.a}`)
  for (const entry of entries) {
    if (entry.e === 'claim' && !begun.has(`${entry.p} ${entry.j} ${entry.a}`)) of(entry.j)
    const returned = entry.e === 'settled' && (entry.as === 'released' || entry.as === 'returned')
    if (returned || entry.e === 'lost' || entry.e === 'ask') of(entry.j)
  }
  return reasons
}

/** Its process slept between the claim and the start, however long the claim was under way. */
function slept({ processes }: Timeline, { process, start }: Run): boolean {
  const frozen = processes.get(process)?.frozen ?? []
  return frozen.some((span) => meet(span, { from: start - 1_000, to: start }))
}
