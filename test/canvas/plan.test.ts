import { describe, expect, test } from 'vitest'
import type { SignatureData } from '../../src/canvas/data.ts'
import { membersOf, planOf, replacementOf } from '../../src/canvas/plan.ts'
import { OUTER, type Plan } from '../../src/canvas/plan-rows.ts'

const CONTEXT = { ignoresResult: () => false }
const task = (name: string, more: object = {}): SignatureData => ({
  kind: 'task',
  task: name,
  args: [],
  ...more,
})
const chain = (...steps: SignatureData[]): SignatureData => ({ kind: 'chain', steps })
const group = (...members: SignatureData[]): SignatureData => ({ kind: 'group', members })
const e = { kind: 'task', task: 'e', args: [] } as const

function plan(data: SignatureData, open: readonly unknown[] = []): Plan {
  return planOf(data, open, {}, CONTEXT)
}

/** `a>b` for each edge; a group is `[n]`, n its number. */
function edges({ nodes, edges: list }: Plan): string[] {
  const nameOf = (node: number): string =>
    nodes[node] === undefined ? 'outer' : nodes[node].join === undefined ? nodes[node].task : `[${node}]`
  return list.map(({ parent, child }) => `${nameOf(parent)}>${nameOf(child)}`)
}

describe('a plan', () => {
  test('of a chain has an edge between each step and the next', () => {
    const made = plan(chain(task('a'), task('b'), task('c')))
    expect(edges(made)).toEqual(['a>b', 'b>c'])
    expect(made.output).toBe(2)
    expect(made.nodes.map(({ parent }) => parent)).toEqual([null, 0, 1])
  })

  test('C-38 of chains in a chain is that of one flat chain, however deeply they nest', () => {
    let nested = task('t0')
    for (let n = 1; n <= 20_000; n += 1) nested = chain(nested, task(`t${n}`))
    const made = plan(nested)
    expect(made.nodes).toHaveLength(20_001)
    expect(made.nodes.at(-1)?.task).toBe('t20000')
  })

  test('of a group between steps joins its members once: no edge from each member to each follower', () => {
    const wide = (prefix: string) => group(...Array.from({ length: 100 }, (_, n) => task(`${prefix}${n}`)))
    const made = plan(chain(wide('a'), wide('b')))
    expect(made.edges).toHaveLength(300)
    expect(made.nodes).toHaveLength(202)
  })

  test('C-102 C-151 of a group directly in a group has the members of both in one', () => {
    const made = plan(group(task('a'), group(task('b'), task('c')), task('d')))
    expect(edges(made)).toEqual(['a>[4]', 'b>[4]', 'c>[4]', 'd>[4]'])
    expect(made.edges.map(({ position }) => position)).toEqual([0, 1, 2, 3])
  })

  test('C-103 C-151 of a chain that ends in a group counts it as one member', () => {
    const made = plan(group(task('x'), chain(task('a'), group(task('b'), task('c')))))
    expect(edges(made)).toEqual(['a>b', 'a>c', 'b>[4]', 'c>[4]', 'x>[5]', '[4]>[5]'])
  })

  test('C-151 of a chord counts a nested chord as one member, its body', () => {
    const inner: SignatureData = {
      kind: 'chord',
      header: { kind: 'group', members: [task('m')] },
      body: task('b'),
    }
    const made = plan({
      kind: 'chord',
      header: { kind: 'group', members: [task('a'), inner] },
      body: task('c'),
    })
    expect(edges(made)).toEqual(['m>[2]', '[2]>b', 'a>[4]', 'b>[4]', '[4]>c'])
  })

  test('of an empty group waits for the step before it', () => {
    const made = plan(chain(task('a'), group(), task('t')))
    expect(edges(made)).toEqual(['a>[1]', '[1]>t'])
    expect(made.edges[0]?.passes).toBe(false)
  })

  test('C-42 of what takes no input has an edge that passes nothing', () => {
    const made = plan(chain(task('a'), task('b', { immutable: true })))
    expect(made.edges[0]?.passes).toBe(false)
    expect(made.nodes[1]?.takesInput).toBe(false)
  })

  test('C-32 of open args puts them in front of those of what begins it, and of no other step', () => {
    const made = plan(
      chain(group(task('a', { args: [1] }), task('b', { args: [2], immutable: true })), task('c')),
      [9],
    )
    expect(made.nodes.map(({ args }) => args)).toEqual([[9, 1], [2], [], []])
  })

  test('of an empty chain is refused', () => {
    expect(() => plan(chain())).toThrow(expect.objectContaining({ code: 'CANVAS_EMPTY' }))
    expect(() => plan(chain(task('a'), chain()))).toThrow(expect.objectContaining({ code: 'CANVAS_EMPTY' }))
  })
})

describe('options', () => {
  test('C-217 C-218 of a canvas are those of its nodes, unless these have their own', () => {
    const made = plan({
      ...chain(task('a'), task('b', { options: { queue: 'z' } })),
      options: { queue: 'q', delay: 5 },
    })
    expect(made.nodes.map(({ options }) => options)).toEqual([{ queue: 'q', delay: 5 }, { queue: 'z' }])
  })

  test('C-94 C-228 an id is that of the node whose end is the end of the canvas', () => {
    const made = plan({ ...chain(group(task('a')), task('b')), options: { id: 'x' } })
    expect(made.nodes.map(({ options }) => options.id)).toEqual([undefined, undefined, 'x'])
  })
})

describe('error callbacks', () => {
  const called = ({ nodes }: Plan): number[] => nodes.map(({ errbacks }) => errbacks.length)

  test('E3 of a chain are those of every step', () => {
    expect(called(plan({ ...chain(task('a'), task('b')), errbacks: [e] }))).toEqual([1, 1])
  })

  test('E3 of a chain that ends in a group are those of its members, and not of the group', () => {
    expect(called(plan({ ...chain(task('a'), group(task('b'), task('c'))), errbacks: [e] }))).toEqual([
      1, 1, 1, 0,
    ])
  })

  test('E4 of a chord are those of its body, and of the group when a member fails', () => {
    const chord: SignatureData = {
      kind: 'chord',
      header: { kind: 'group', members: [task('h')] },
      body: task('b'),
    }
    expect(called(plan({ ...chord, errbacks: [e] }))).toEqual([0, 1, 1])
  })

  test('E5 of a group that follows a group are called once for the first', () => {
    expect(called(plan({ ...chain(group(task('h')), group(task('a'), task('b'))), errbacks: [e] }))).toEqual([
      0, 1, 1, 1, 0,
    ])
  })

  test('C-66 that are alike are kept once, others each', () => {
    const other = { ...e, args: [1] }
    const made = plan({ ...chain(task('a', { errbacks: [e] })), errbacks: [{ ...e }, other] })
    expect(made.errbacks).toHaveLength(2)
    expect(called(made)).toEqual([2])
  })
})

describe('failures that count', () => {
  test('C-175 of members of a group that allows them are those of its members alone', () => {
    const made = plan(
      chain({ kind: 'group', members: [chain(task('a'), task('b'))], allowFailures: true }, task('t')),
    )
    expect(made.edges.map(({ either }) => either)).toEqual([false, true, false])
  })

  test('of an optional step stand for its value where it goes', () => {
    const made = plan(chain(task('a', { optional: { value: 0 } }), task('b')))
    expect(made.edges).toMatchObject([{ either: true, fallback: { value: 0 } }])
  })

  test('of an optional end are met by a join behind it', () => {
    const made = plan({ ...task('a'), optional: { value: 0 }, options: { id: 'x' } })
    expect(made.nodes).toMatchObject([
      { task: 'a', options: {} },
      { join: 'value', options: { id: 'x' } },
    ])
    expect(made.output).toBe(1)
  })
})

describe('a group that is optional', () => {
  test('ends in a join behind it, too', () => {
    const made = plan({ ...chain(group(task('a'))), optional: { value: null } })
    expect(made.nodes).toMatchObject([{ task: 'a' }, { join: 'list' }, { join: 'value' }])
    expect(made.edges.at(-1)).toMatchObject({ parent: 1, child: 2, either: true, fallback: { value: null } })
  })
})

describe('values that are ignored', () => {
  test('C-187 are kept for as long as a node needs them, through any number of joins', () => {
    const made = planOf(
      chain(group(chain(task('a'), group(task('b')))), task('t'), task('u')),
      [],
      {},
      { ignoresResult: ({ task: name }) => name !== 't' },
    )
    const ofNode = Object.fromEntries(made.nodes.map((node, index) => [`${node.task}${index}`, node]))
    expect(ofNode).toMatchObject({
      a0: { needed: true },
      b1: { needed: true, drops: true },
      t4: { drops: true },
    })
    expect(made.nodes.at(-1)?.needed).toBeUndefined()
  })

  test('C-187 of the members of a group that nothing follows are not kept', () => {
    const made = planOf(group(task('a')), [], {}, { ignoresResult: () => true })
    expect(made.nodes[0]?.needed).toBeUndefined()
  })
})

describe('within a running job', () => {
  test('what takes its place ends in an edge to it', () => {
    const made = replacementOf(chain(task('a'), group(task('b'))), {}, CONTEXT)
    expect(made.edges.at(-1)).toMatchObject({
      parent: 2,
      child: OUTER,
      fromJoin: true,
      intoJoin: true,
      position: null,
    })
  })

  test('C-202 members that are added have places of their own', () => {
    const made = membersOf([task('a'), chain(task('b'), task('c'))], {}, CONTEXT)
    expect(made.edges.filter(({ child }) => child === OUTER)).toMatchObject([
      { parent: 0, position: 0 },
      { parent: 2, position: 1 },
    ])
  })
})
