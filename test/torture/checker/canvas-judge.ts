import {
  ADDED,
  type Drawing,
  type DrawnChain,
  type DrawnGroup,
  type DrawnNode,
  ERROR,
  fold,
  MISSING,
  mix,
  NOTHING,
  REPLACEMENTS,
} from '../canvas/drawing.ts'
import type { EdgeRow, NodeRow } from '../driver/canvas-tables.ts'
import type { Run } from './timeline.ts'

/** How a part of a canvas has ended. */
interface Outcome {
  readonly ok: boolean
  /** What its value comes to as a number. */
  readonly number: number
  /** The row whose end is its end. */
  readonly output: string
  /** Jobs that have made the value. */
  readonly makers: readonly string[]
}

/** What the tables and histories say of all canvases, by what a judge looks for. */
export interface CanvasEvidence {
  readonly byMark: ReadonlyMap<string, readonly NodeRow[]>
  readonly byId: ReadonlyMap<string, NodeRow>
  readonly edges: {
    readonly from: ReadonlyMap<string, readonly EdgeRow[]>
    readonly to: ReadonlyMap<string, readonly EdgeRow[]>
  }
  readonly runs: ReadonlyMap<string, readonly Run[]>
}

export type Violate = (kind: string, what: string) => void

/** Two processes write down one instant at slightly different ones. */
const BLUR_MS = 1
const LOST: Outcome = { ok: false, number: 0, output: '', makers: [] }

/**
 * Says what a canvas must have come to, from its drawing and from which of its jobs failed or were cancelled themselves;
 * and holds every row against it. Knows nothing of the planner.
 */
export class CanvasJudge {
  readonly #evidence: CanvasEvidence
  readonly #violate: Violate
  /** How often each error callback must have been called. */
  readonly calls = new Map<string, number>()

  constructor(evidence: CanvasEvidence, violate: Violate) {
    this.#evidence = evidence
    this.#violate = violate
  }

  /**
   * @param input - of what came before; null for what begins
   * @param errbacks - of the canvases around it
   */
  judge(drawing: Drawing, input: Outcome | null, errbacks: readonly string[] = []): Outcome {
    switch (drawing.k) {
      case 'node':
        return this.#node(drawing, input, [...errbacks, ...own(drawing)])
      case 'chain':
        return this.#chain(drawing, input, [...errbacks, ...own(drawing)])
      case 'group':
        return this.#group(drawing, input, errbacks, [])
      case 'chord': {
        const inherited = [...errbacks, ...own(drawing)]
        const header = this.#group(drawing.header, input, [], [...entry([drawing.body]), ...inherited])
        return this.judge(drawing.body, header, inherited)
      }
    }
  }

  #chain(chain: DrawnChain, input: Outcome | null, errbacks: readonly string[]): Outcome {
    const steps = flat(chain)
    let before = input
    for (const [index, step] of steps.entries()) {
      const rest = steps.slice(index + 1)
      // A group that something follows is told of by what follows.
      before =
        step.k === 'group' && rest.length > 0
          ? this.#group(step, before, [], [...entry(rest), ...errbacks])
          : this.judge(step, before, errbacks)
    }
    return before ?? LOST
  }

  #group(
    group: DrawnGroup,
    input: Outcome | null,
    errbacks: readonly string[],
    called: readonly string[],
  ): Outcome {
    const outcomes = group.members.map((member) => this.judge(member, input, errbacks))
    const joinId = this.#evidence.edges.from
      .get(outcomes[0]?.output ?? '')
      ?.find(({ intoJoin }) => intoJoin)?.child
    const join = this.#evidence.byId.get(joinId ?? '')
    if (join === undefined) {
      this.#violate('torn', `the group behind ${outcomes[0]?.output} is not there`)
      return LOST
    }
    const members = (this.#evidence.edges.to.get(join.id) ?? []).toSorted(
      (one, other) => (one.position ?? 0) - (other.position ?? 0),
    )
    outcomes.forEach(({ output }, position) => {
      if (output !== '' && members[position]?.parent !== output)
        this.#violate('order', `${output} is not in place ${position} of group ${join.id}`)
    })
    const added = members.slice(outcomes.length).map(({ parent }) => this.#added(parent))
    const all = [...outcomes, ...added]
    const complete = all.every(({ ok }) => ok)
    const good = complete || (group.allowFailures && added.every(({ ok }) => ok))
    this.#expect(join, good, group.allowFailures || input === null || input.ok)
    this.#call(called, join)
    return {
      ok: join.state === 'succeeded',
      number: fold(all.map(({ ok, number }) => (ok ? number : ERROR))),
      output: join.id,
      makers: all.flatMap(({ makers }) => makers),
    }
  }

  /** A member that another one has added. */
  #added(id: string): Outcome {
    const mark = this.#evidence.byId.get(id)?.mark ?? ''
    const adder = this.#evidence.byMark.get(mark.slice(0, -ADDED.length))?.[0]
    if (!mark.endsWith(ADDED) || adder?.state !== 'succeeded') {
      this.#violate('unexpected', `${mark} is a member of a group, and nobody has added it`)
      return LOST
    }
    return this.#job({ k: 'node', mark, way: 'ok', own: this.#owns.get(adder.mark) ?? 0 }, null, [])
  }

  readonly #owns = new Map<string, number>()

  #node(node: DrawnNode, input: Outcome | null, errbacks: readonly string[]): Outcome {
    this.#owns.set(node.mark, node.own)
    const outcome = this.#job(node, input, errbacks)
    if (node.link !== undefined) this.judge(node.link, outcome)
    return outcome.ok || node.optional !== true
      ? outcome
      : { ...outcome, ok: true, number: MISSING, makers: [] }
  }

  #job(node: DrawnNode, input: Outcome | null, errbacks: readonly string[]): Outcome {
    const { mark, way, own: mine } = node
    const { byMark } = this.#evidence
    const [row, twin] = byMark.get(mark) ?? []
    if (row === undefined) {
      this.#violate('torn', `${mark} is not there; others of its canvas are`)
      return LOST
    }
    if (twin !== undefined) this.#violate('doubled', `${mark} is there twice`)
    this.#call(errbacks, row)
    const given = input === null || input.ok
    const runs = this.#evidence.runs.get(row.id) ?? []
    if (!given && runs.length > 0) this.#violate('began', `${mark} began although what it needs had failed`)
    if (row.join === 'value') return this.#replaced(node, row, given)
    if (byMark.has(`${mark}${REPLACEMENTS[0]}`))
      this.#violate('unexpected', `${mark} has not been replaced; what stands for it is there`)

    const excused = way === 'fail' || row.errorCode === 'WORKER_LOST'
    this.#expect(row, given && !(row.state === 'failed' && excused && row.upstream === null), given)
    const number = mix(mine, input === null || node.immutable === true ? NOTHING : input.number)
    if (row.state === 'succeeded') {
      if (way === 'fail') this.#violate('value', `${mark} succeeded, and its handler always throws`)
      if (row.v !== number) this.#violate('value', `${mark} made ${row.v} where ${number} was due`)
      this.#inOrder(mark, runs, input?.makers ?? [])
    }
    return { ok: row.state === 'succeeded', number, output: row.id, makers: [row.id] }
  }

  /** Ends as what stands in its place. */
  #replaced({ mark, own: mine }: DrawnNode, row: NodeRow, given: boolean): Outcome {
    let outcome: Outcome | null = null
    for (const end of REPLACEMENTS)
      outcome = this.#job({ k: 'node', mark: `${mark}${end}`, way: 'ok', own: mine }, outcome, [])
    if (!given) this.#violate('began', `${mark} was replaced although what it needs had failed`)
    this.#expect(row, outcome?.ok === true, true)
    return { ...(outcome ?? LOST), ok: row.state === 'succeeded', output: row.id }
  }

  /**
   * Holds the state of a row against what it should be. Anybody may cancel anything, but for that it must not refer to what
   * came before.
   */
  #expect(row: NodeRow, good: boolean, given: boolean): void {
    const { mark, state, upstream, errorCode } = row
    if (state === null) this.#violate('hangs', `${mark} has never ended`)
    else if (state === 'succeeded' && !good)
      this.#violate('early', `${mark} succeeded although what it needs has not`)
    else if (state !== 'succeeded' && upstream !== null && given && row.join === null)
      this.#violate('fell', `${mark} has ${state} as what it needs had, which has succeeded`)
    else if (state === 'failed' && good)
      this.#violate('failed', `${mark} has failed and had no reason to: ${errorCode}`)
  }

  #inOrder(mark: string, runs: readonly Run[], makers: readonly string[]): void {
    const begun = Math.min(...runs.map(({ start }) => start))
    for (const maker of makers) {
      const token = this.#evidence.byId.get(maker)?.token
      const run = this.#evidence.runs.get(maker)?.find((one) => one.token === token && one.closedBy === 'end')
      if (run !== undefined && run.close > begun + BLUR_MS)
        this.#violate('early', `${mark} began ${Math.round(run.close - begun)} ms before ${maker} was over`)
    }
  }

  /** Error callbacks are called by what failed itself. */
  #call(errbacks: readonly string[], { state, upstream }: NodeRow): void {
    const calls = state === 'failed' && upstream === null ? 1 : 0
    for (const mark of new Set(errbacks)) this.calls.set(mark, (this.calls.get(mark) ?? 0) + calls)
  }
}

function own({ errback }: { readonly errback?: string }): string[] {
  return errback === undefined ? [] : [errback]
}

/** Steps of a chain, with those of plain chains inside. */
function flat(chain: DrawnChain): readonly Drawing[] {
  return chain.steps.flatMap((step) =>
    step.k === 'chain' && step.errback === undefined ? flat(step) : [step],
  )
}

/** Error callbacks of what is the first to take a group's value. */
function entry(steps: readonly Drawing[]): string[] {
  const first = steps.find(({ k }, index) => k !== 'group' || index === steps.length - 1)
  switch (first?.k) {
    case undefined:
      return []
    case 'node':
      return own(first)
    case 'chain':
      return [...own(first), ...entry(flat(first))]
    case 'chord':
      return [...own(first), ...entry([first.body])]
    case 'group':
      return first.members.flatMap((member) => entry([member]))
  }
}
