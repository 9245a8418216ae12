import { nodesOf } from '../canvas/drawing.ts'
import { ERRBACK_TASK } from '../canvas/to-signature.ts'
import type { EdgeRow, NodeRow } from '../driver/canvas-tables.ts'
import { type CanvasEvidence, CanvasJudge } from './canvas-judge.ts'
import type { Check, Evidence, Violation } from './evidence.ts'
import type { Timeline } from './timeline.ts'

/**
 * I13: canvases complete. Every node has ended, each job is there once and began after all it needs, values are what the
 * definition makes of them, edges are counted once, and error callbacks are called as often as the rules say.
 */
export const edges: Check = (evidence, timeline) => {
  const { canvases } = evidence.dump
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I13', kind, what })
  for (const fault of canvases.faults) violate('edge', fault)

  const rows = indexed(evidence, timeline)
  const judge = new CanvasJudge(rows, violate)
  for (const entry of evidence.entries) {
    if (entry.e !== 'canvas') continue
    // Refused, or never answered: then none of it is there.
    if (nodesOf(entry.drawing).some(({ mark }) => rows.byMark.has(mark))) judge.judge(entry.drawing, null)
  }
  const called = new Map<string, number>()
  for (const { task, mark, state } of canvases.nodes) {
    if (task !== ERRBACK_TASK) continue
    called.set(mark, (called.get(mark) ?? 0) + 1)
    if (state === null) violate('hangs', `${mark} has never ended`)
  }
  for (const mark of new Set([...called.keys(), ...judge.calls.keys()])) {
    const [is, due] = [called.get(mark) ?? 0, judge.calls.get(mark) ?? 0]
    if (is !== due) violate('errback', `${mark} was called ${is} times; ${due} were due`)
  }
  return violations
}

/** How many canvases were started. */
export function countCanvases({ entries, dump }: Evidence): number {
  const marks = new Set(dump.canvases.nodes.map(({ mark }) => mark))
  return entries.filter(
    (entry) => entry.e === 'canvas' && nodesOf(entry.drawing).some(({ mark }) => marks.has(mark)),
  ).length
}

function indexed({ dump }: Evidence, { runs }: Timeline): CanvasEvidence {
  const { nodes, edges: all } = dump.canvases
  const errbacks = (row: NodeRow): boolean => row.task === ERRBACK_TASK
  return {
    byMark: grouped(
      nodes.filter((row) => !errbacks(row)),
      ({ mark }) => mark,
    ),
    byId: new Map(nodes.map((row) => [row.id, row])),
    edges: {
      from: grouped(all, ({ parent }) => parent),
      to: grouped(
        all.filter(({ intoJoin }: EdgeRow) => intoJoin),
        ({ child }) => child,
      ),
    },
    runs,
  }
}

function grouped<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, readonly Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const known = groups.get(keyOf(row))
    if (known === undefined) groups.set(keyOf(row), [row])
    else known.push(row)
  }
  return groups
}
