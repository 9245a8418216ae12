import type { RecoveryClass } from './checker/bounds.ts'
import type { Figures } from './checker/check.ts'
import type { Spread } from './checker/figures.ts'
import type { Outcome } from './run.ts'

const CLASSES: readonly RecoveryClass[] = ['R1', 'R2', 'R3', 'R4', 'R6', 'R7']
const SHOWN = 12

/** The figures of all lanes as a table that Markdown understands. */
export function table(outcomes: readonly Outcome[]): string {
  const head = [
    ...[
      'lane',
      'pg',
      'jobs',
      'canvases',
      'faults',
      'lost',
      'overlapping',
      'wrong',
      'stuck',
      'leaked',
      'false rescues',
      'instants',
      'I11',
      'I12',
      'fullest limits',
    ],
    ...CLASSES.map((name) => `${name} p50/p99/max ms`),
  ]
  const rows = outcomes.map(({ lane, postgres, faults, report: { figures } }) => [
    ...[lane, postgres.split('.')[0] ?? '', String(figures.jobs), String(figures.canvases)],
    String(Object.values(faults).reduce((sum, count) => sum + count, 0)),
    ...[figures.lost, figures.overlapping, figures.wrongSettlements, figures.stuck].map(String),
    ...[figures.leaked, figures.falseRescues, figures.fires, figures.misfires].map(String),
    ...[String(figures.beyondLimits), figures.fullest === '' ? '–' : figures.fullest],
    ...CLASSES.map((name) => spread(figures.recovery[name])),
  ])
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** One line for a lane that has ended, and what was wrong with it. */
export function verdict({ lane, postgres, seed, seconds, report, folder, faults }: Outcome): string {
  const { violations, figures } = report
  const done = Object.entries(faults)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
  const head =
    `${violations.length === 0 ? 'ok    ' : 'FAILED'} ${lane} on ${postgres}: ${figures.jobs} jobs in ${seconds} s` +
    `${done === '' ? '' : ` · ${done}`} · ${recoveries(figures)}`
  if (violations.length === 0) return head
  const kinds = new Map<string, string[]>()
  for (const { invariant, kind, what } of violations) {
    const key = `${invariant} ${kind}`
    kinds.set(key, [...(kinds.get(key) ?? []), what])
  }
  const lines = [...kinds].flatMap(([kind, whats]) => [
    `  ${kind}: ${whats.length}`,
    ...whats.slice(0, SHOWN).map((what) => `    ${what}`),
  ])
  return [head, ...lines, `  seed ${seed}; histories in ${folder}`].join('\n')
}

/** Sums of all lanes, for a file that is kept with a release. */
export function summary(outcomes: readonly Outcome[]): object {
  const sum = (pick: (figures: Figures) => number): number =>
    outcomes.reduce((total, { report }) => total + pick(report.figures), 0)
  const faults: Record<string, number> = {}
  for (const outcome of outcomes) {
    for (const [name, count] of Object.entries(outcome.faults)) faults[name] = (faults[name] ?? 0) + count
  }
  return {
    jobs: sum(({ jobs }) => jobs),
    canvases: sum(({ canvases }) => canvases),
    attempts: sum(({ attempts }) => attempts),
    unanswered: sum(({ unanswered }) => unanswered),
    faults,
    lost: sum(({ lost }) => lost),
    overlapping: sum(({ overlapping }) => overlapping),
    tolerated: sum(({ tolerated }) => tolerated),
    wrongSettlements: sum(({ wrongSettlements }) => wrongSettlements),
    stuck: sum(({ stuck }) => stuck),
    leaked: sum(({ leaked }) => leaked),
    rescues: sum(({ rescues }) => rescues),
    falseRescues: sum(({ falseRescues }) => falseRescues),
    repeatedEffects: sum(({ repeatedEffects }) => repeatedEffects),
    instants: sum(({ fires }) => fires),
    misfires: sum(({ misfires }) => misfires),
    beyondLimits: sum(({ beyondLimits }) => beyondLimits),
    deadlocks: sum(({ deadlocks }) => deadlocks),
    lanes: outcomes.map(({ lane, postgres, seed, seconds, faults, report }) => ({
      ...{ lane, postgres, seed, seconds, faults, figures: report.figures },
      violations: report.violations.length,
    })),
  }
}

function recoveries({ recovery, wakeUpP99 }: Figures): string {
  const classes = CLASSES.flatMap((name) =>
    recovery[name] === undefined ? [] : [`${name} ${spread(recovery[name])}`],
  )
  return [...classes, `wake-up p99 ${wakeUpP99 === null ? '–' : Math.round(wakeUpP99)} ms`].join(' · ')
}

function spread(given: Spread | undefined): string {
  return given === undefined ? '–' : `${given.p50}/${given.p99}/${given.max}`
}
