import { describe, expect, test } from 'vitest'
import { type Drawing, type DrawnNode, draw, fold, mix, NOTHING, nodesOf } from '../canvas/drawing.ts'
import { Random } from '../random.ts'
import { goodDay, type Story } from './story.ts'

const node = (mark: string, more: Partial<DrawnNode> = {}): DrawnNode => ({
  ...{ k: 'node', mark, way: 'ok', own: 5 },
  ...more,
})

/** A chord of two and a body with an error callback: the members and the body run one after the other. */
const CHORD = {
  k: 'chord',
  header: { k: 'group', members: [node('a'), node('b')], allowFailures: false },
  body: node('c', { errback: 'c!' }),
} as const
const MEMBER = mix(5, NOTHING)
const BODY = mix(5, fold([MEMBER, MEMBER]))

function drawn(drawing: Drawing = CHORD): Story {
  return goodDay()
    .worker('w')
    .at(1, 'producer', { e: 'canvas', mark: 'one', drawing })
    .edge('a', 'join', 0)
    .edge('b', 'join', 1)
    .edge('join', 'c')
}

function members(story: Story): Story {
  return story.node('a', { v: MEMBER }).node('b', { v: MEMBER }).runs(20, 'w', 'a').runs(20, 'w', 'b')
}

const joined = (story: Story): Story => members(story).node('join', { task: 'celeriac.group', join: 'list' })
const good = (): Story => joined(drawn()).node('c', { v: BODY }).runs(40, 'w', 'c')

describe('I13 edges', () => {
  test('finds nothing in a canvas that ended as it should', () => {
    expect(good().verdict()).toEqual([])
  })

  test('asks for nothing of a canvas that is not there', () => {
    expect(drawn().verdict()).toEqual([])
  })

  test('finds a node that never ended', () => {
    expect(joined(drawn()).node('c', { state: null }).verdict()).toEqual(['I13 hangs'])
  })

  test('finds a node that is there twice, or not at all', () => {
    expect(good().node('twin', { mark: 'c', v: BODY }).verdict()).toEqual(['I13 doubled'])
    expect(joined(drawn()).verdict()).toEqual(['I13 torn'])
  })

  test('finds a body that began before its header was over', () => {
    expect(joined(drawn()).node('c', { v: BODY }).runs(25, 'w', 'c').verdict()).toEqual(['I13 early'])
  })

  test('finds a value that the definition does not make', () => {
    expect(joined(drawn()).node('c', { v: 1 }).runs(40, 'w', 'c').verdict()).toEqual(['I13 value'])
  })

  test('finds a failure that was not passed on, and one that nothing explains', () => {
    const failing = {
      ...CHORD,
      header: { ...CHORD.header, members: [node('a', { way: 'fail' }), node('b')] },
    }
    const story = drawn(failing)
      .node('a', { state: 'failed' })
      .node('b', { v: MEMBER })
      .node('join', { task: 'celeriac.group', join: 'list' })
      .node('c', { state: 'failed', upstream: 'a' })
    expect(story.verdict()).toEqual(['I13 early', 'I13 fell'])
    expect(joined(drawn()).node('c', { state: 'failed', errorCode: 'ODD' }).verdict()).toEqual([
      'I13 failed',
      'I13 errback',
    ])
  })

  test('takes a cancel for an end like any other', () => {
    expect(joined(drawn()).node('c', { state: 'cancelled' }).verdict()).toEqual([])
  })

  test('counts error callbacks: once for a body whose header fails', () => {
    const failing = {
      ...CHORD,
      header: { ...CHORD.header, members: [node('a', { way: 'fail' }), node('b')] },
    }
    const story = (): Story =>
      drawn(failing)
        .node('a', { state: 'failed' })
        .node('b', { v: MEMBER })
        .node('join', { task: 'celeriac.group', join: 'list', state: 'failed' })
        .node('c', { state: 'failed', upstream: 'join' })
    const call = (one: Story, id: string): Story => one.node(id, { task: 'tell', mark: 'c!' })
    expect(story().verdict()).toEqual(['I13 errback'])
    expect(call(story(), 'x').verdict()).toEqual([])
    expect(call(call(story(), 'x'), 'y').verdict()).toEqual(['I13 errback'])
  })

  test('finds what a recount of edges has found', () => {
    expect(good().edgeFault('a has ended, and the group does not know').verdict()).toEqual(['I13 edge'])
  })
})

describe('drawings', () => {
  test('are the same for the same seed, and every mark is there once', () => {
    const one = draw(new Random('a'), 'm')
    expect(draw(new Random('a'), 'm')).toEqual(one)
    for (let seed = 0; seed < 200; seed += 1) {
      const marks = nodesOf(draw(new Random(seed), 'm')).map(({ mark }) => mark)
      expect(new Set(marks).size).toBe(marks.length)
      expect(marks.length).toBeGreaterThan(1)
    }
  })
})
