import { describe, expect, test } from 'vitest'
import {
  type AnySignature,
  Celeriac,
  type Codec,
  chain,
  chord,
  group,
  Signature,
  taggedCodec,
} from '../../src/index.ts'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'canvas_json' })
const apps = useApps(database)
const app = new Celeriac({ database: 'postgres://nobody@127.0.0.1:1/none' })
const add = app.task('add', (x: number, y: number) => x + y)
const ident = app.task('ident', (value: unknown) => value)
const sum = app.task('sum', (numbers: readonly number[]) => numbers.length)

/** What reading it says, without the words that all of them begin with. */
function refusal(json: unknown, into?: object): string {
  try {
    Signature.from(json, into)
  } catch (error) {
    expect(error).toMatchObject({ code: 'CANVAS_INVALID' })
    return (error as Error).message.replace('this is no canvas: ', '')
  }
  return 'none'
}

describe('a signature as JSON', () => {
  const every: Record<string, AnySignature> = {
    task: add.s(2, 2),
    partial: add.s(2),
    immutable: add.si(2, 2),
    map: ident.map([1, [2], { three: 3 }]),
    starmap: add.starmap([[1, 2]], { allowFailures: true }),
    chunks: add.chunks(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      2,
    ),
    chain: chain(add.s(1, 2), add.s(3)),
    group: group([add.s(1, 2), ident.s('a')]),
    'named group': group({ a: add.s(1, 2), 'b c': ident.s('a') }, { allowFailures: true }),
    'empty group': group([]),
    chord: chord([add.s(1, 2)], sum.s()),
    nested: chord(
      [chain(add.s(1, 1), group([add.s(1), chord([add.s(2), add.s(3)], sum.s())])), ident.s(null)],
      chain(ident.s(), group([ident.s(), ident.s()])),
    ),
    links: chain(add.s(1, 2).link(group([add.s(1), add.s(2)])), add.s(3))
      .link(ident.s())
      .linkError(ident.s()),
    optional: chain(add.s(1, 2).optional(0), add.s(3)).optional({ none: new Date(0) }),
    options: chain(add.s(1, 2).with({ queue: 'a', id: '019a0000-0000-7000-8000-00000000000a' })).with({
      priority: 3,
      delay: '5m',
      expires: new Date('2026-12-01T00:00:00Z'),
      labels: { tenant: 'acme' },
      backoff: ['1s', 5000],
      maxAttempts: 3,
      timeLimit: 1000,
      softTimeLimit: '0.5s',
      ignoreResult: true,
      resultTtl: '1d',
      atMostOnce: false,
    }),
    times: add.s(1, 2).with({ runAt: new Date('2026-12-01T00:00:00.123Z'), expires: '90m' }),
    'tagged args': ident.s([
      new Date(0),
      1n,
      new Map([[1, new Set([2])]]),
      Buffer.from('hi'),
      undefined,
      { $date: 1 },
    ]),
  }

  for (const [kind, signature] of Object.entries(every)) {
    test(`C-17 C-270 ${kind} comes back as it went`, () => {
      const text = JSON.stringify(signature)
      for (const json of [JSON.parse(text), text]) {
        for (const back of [Signature.from(json, app), Signature.from(json)]) {
          expect(back.data).toEqual(signature.data)
          expect(JSON.stringify(back)).toBe(text)
          expect(String(back)).toBe(String(signature))
          expect(Object.isFrozen(back.data)).toBe(true)
        }
      }
    })
  }

  test('C-17 instants of options come back as instants', () => {
    const { options } = Signature.from(JSON.stringify(every.options)).data
    expect(options?.expires).toEqual(new Date('2026-12-01T00:00:00Z'))
    expect(Signature.from(JSON.stringify(every.times)).data.options).toEqual({
      runAt: new Date('2026-12-01T00:00:00.123Z'),
      expires: '90m',
    })
  })

  test('C-17 goes through the codec of the app', () => {
    class Money {
      readonly cents: number
      constructor(cents: number) {
        this.cents = cents
      }
    }
    const codec: Codec = {
      encode: (value) => (value instanceof Money ? { money: value.cents } : taggedCodec.encode(value)),
      decode: (json) =>
        typeof json === 'object' && json !== null && 'money' in json
          ? new Money(Number(json.money))
          : taggedCodec.decode(json),
    }
    const paying = new Celeriac({ database: 'postgres://nobody@127.0.0.1:1/none', codec })
    const pay = paying.task('pay', (amount: Money) => amount.cents)
    const json = JSON.parse(JSON.stringify(chain(pay.s(new Money(5)), pay.si(new Money(6)))))
    expect(json.steps[0].args).toEqual([{ money: 5 }])
    expect(Signature.from(json, paying).data).toMatchObject({
      steps: [{ args: [new Money(5)] }, { args: [new Money(6)] }],
    })
  })

  test('C-18 a signature passed as an argument arrives as data, and can be built again', async () => {
    const here = apps.app()
    const run = here.task('run', (signature: unknown, n: number) => [signature, n])
    const canvas = chain(add.s(1, 2), ident.si([new Date(0), { $date: 1 }])).with({ expires: new Date(0) })
    const job = await run.enqueue({ inside: [canvas] }, 1)
    const { args } = await job.info()
    const arrived = (args as [{ inside: unknown[] }, number])[0].inside[0]
    expect(arrived).toEqual(JSON.parse(JSON.stringify(canvas)))
    expect(Signature.from(arrived, here).data).toEqual(canvas.data)
    const composed = run.s(canvas as unknown, 1)
    expect(await (await composed.enqueue()).info()).toMatchObject({
      args: [JSON.parse(JSON.stringify(canvas)), 1],
    })
  })

  test('C-28 what JSON cannot hold is refused by its path', () => {
    expect(() => JSON.stringify(ident.s({ f: () => 1 }))).toThrow(
      'argument $[0].f is a function and cannot be stored',
    )
  })
})

describe('reading a signature', () => {
  const task = { kind: 'task', task: 'add', args: [1] }

  test('names what is wrong, and where', () => {
    expect(refusal(5)).toBe('$ must be a signature, which is an object with a "kind"; got 5')
    expect(refusal(null)).toContain('got null')
    expect(refusal([task])).toContain('got an array of 1')
    expect(refusal('{"kind":')).toBe('$ is no JSON: "{\\"kind\\":"')
    expect(refusal({ kind: 'tsk' })).toBe('$.kind must be one of task, map, chain, group, chord; got "tsk"')
    expect(refusal({ kind: 'task', task: 'add' })).toBe('$.args must be a list of values; got undefined')
    expect(refusal({ kind: 'task', task: 'ä ö', args: [] })).toContain(
      '$.task is refused: task name "ä ö" contains',
    )
    expect(refusal({ kind: 'chain', steps: [task, { ...task, args: {} }] })).toBe(
      '$.steps[1].args must be a list of values; got an object',
    )
    expect(refusal({ kind: 'group', members: 5 })).toContain(
      '$.members must be a list of signatures, or an object',
    )
    expect(refusal({ kind: 'group', members: { 'a b': { ...task, immutable: 1 } } })).toBe(
      '$.members["a b"].immutable must be true or false; got 1',
    )
    expect(refusal({ kind: 'chord', header: task, body: task })).toBe(
      '$.header must be a group; it is a task',
    )
    expect(refusal({ kind: 'chord', header: { kind: 'group', members: [] } })).toContain(
      '$.body must be a signature',
    )
    expect(refusal({ kind: 'map', task: 'add', items: [1] })).toBe(
      '$.spread must be true or false; got undefined',
    )
    expect(refusal({ kind: 'map', task: 'add', items: [[1], 2], spread: true })).toBe(
      '$.items[1] must be a list of args; got 2',
    )
  })

  test('ignores nothing', () => {
    expect(refusal({ ...task, immutible: true })).toBe(
      '$ has a field "immutible" that nobody knows; did you mean "immutable"?',
    )
    expect(refusal({ ...task, steps: [] })).toContain('$ has a field "steps" that nobody knows')
    expect(refusal({ ...task, optional: {} })).toBe('$.optional has no "value"')
    expect(refusal({ ...task, optional: { value: 1, valeu: 1 } })).toContain('$.optional has a field "valeu"')
    expect(refusal({ ...task, options: { queu: 'a' } })).toBe(
      '$.options is refused: unknown call option "queu"; did you mean "queue"?',
    )
    expect(refusal({ ...task, options: { tx: {} } })).toContain(
      '$.options has a "tx", which no JSON can hold',
    )
    expect(refusal({ ...task, options: { delay: 1, runAt: 1 } })).toContain('give delay or runAt, not both')
    expect(refusal({ ...task, errbacks: [{ kind: 'chain', steps: [] }] })).toBe(
      '$.errbacks[0] must be of kind task; it is a chain',
    )
    expect(refusal(JSON.parse('{"kind":"group","members":{"__proto__":{"kind":"chain","steps":[]}}}'))).toBe(
      '$.members has the name "__proto__", which can change prototypes',
    )
    expect(refusal({ kind: 'group', members: { '': task } })).toBe('$.members has an empty name')
  })

  test('reads what is written by hand', () => {
    const back = Signature.from(
      { kind: 'chain', steps: [task, { ...task, immutable: false }], links: [task] },
      app,
    )
    expect(back.data).toEqual({ kind: 'chain', steps: [task, task], links: [task] })
  })

  test('C-275 refuses what refers back to itself, and what is endless', () => {
    const chained: { kind: 'chain'; steps: unknown[] } = { kind: 'chain', steps: [task] }
    chained.steps.push(chained)
    expect(refusal(chained)).toBe('$.steps[1] refers back to $')
    const members: Record<string, unknown> = { a: task }
    const grouped = { kind: 'chain', steps: [{ kind: 'group', members }] }
    members.b = grouped
    expect(refusal(grouped)).toBe('$.steps[0].members.b refers back to $')
    const steps: unknown[] = []
    steps.push({ kind: 'chain', steps })
    expect(refusal({ kind: 'chain', steps })).toContain('refers back to $.steps')
    let deep: object = task
    for (let level = 0; level < 600; level += 1) deep = { kind: 'chain', steps: [deep] }
    expect(refusal(deep)).toContain('is nested deeper than 512 levels')
    const shared = { kind: 'group', members: [task, task] }
    expect(refusal({ kind: 'chain', steps: [shared, shared] })).toBe('none')
  })

  test('reads a value that is stored wrongly as such', () => {
    expect(() => Signature.from({ ...task, args: [{ $date: 'never' }] })).toThrow(
      /stored argument cannot be read/,
    )
  })

  test('takes an app, and nothing else', () => {
    expect(() => Signature.from(task, {})).toThrow('app must be a Celeriac; got an object')
  })
})
