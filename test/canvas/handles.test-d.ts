import { expectTypeOf, test } from 'vitest'
import {
  type Celeriac,
  type ChordError,
  type GroupHandle,
  group,
  type JobCancelledError,
  type JobFailedError,
  type JobHandle,
  type MemberHandle,
  type Settled,
  type Workflow,
} from '../../src/index.ts'

declare const app: Celeriac
const count = app.declare<(text: string) => number>('count')
const shout = app.declare<(text: string) => string>('shout')

test('a group of a list gives a tuple, in every way it is read', async () => {
  const handle = await group([count.s('a'), shout.s('b')]).enqueue()
  expectTypeOf(handle).toEqualTypeOf<GroupHandle<[number, string]>>()
  expectTypeOf(handle.result()).toEqualTypeOf<Promise<[number, string]>>()
  expectTypeOf(handle.results()).toEqualTypeOf<Promise<[number, string]>>()
  expectTypeOf(handle.results({ settled: true })).toEqualTypeOf<Promise<[Settled<number>, Settled<string>]>>()
  expectTypeOf(handle.members()).toEqualTypeOf<Promise<[MemberHandle<number>, MemberHandle<string>]>>()
  for await (const [index, value] of handle.stream()) {
    expectTypeOf(index).toEqualTypeOf<number>()
    expectTypeOf(value).toEqualTypeOf<number | string>()
  }
  for await (const [, end] of handle.stream({ settled: true })) {
    expectTypeOf(end).toEqualTypeOf<Settled<number | string>>()
    if (!end.ok) expectTypeOf(end.error).toEqualTypeOf<JobFailedError | JobCancelledError>()
  }
})

test('a group with names gives an object', async () => {
  const handle = await group({ size: count.s('a'), loud: shout.s('b') }).enqueue()
  expectTypeOf(handle.result()).toEqualTypeOf<Promise<{ size: number; loud: string }>>()
  const { size } = await handle.members()
  expectTypeOf(size).toEqualTypeOf<MemberHandle<number>>()
  expectTypeOf(size.result()).toEqualTypeOf<Promise<number>>()
  for await (const [name, value] of handle.stream()) {
    expectTypeOf(name).toEqualTypeOf<'size' | 'loud'>()
    expectTypeOf(value).toEqualTypeOf<number | string>()
  }
})

test('handles lead to their workflow', async () => {
  expectTypeOf<JobHandle['workflow']>().toEqualTypeOf<Workflow>()
  expectTypeOf<GroupHandle['workflow']>().toEqualTypeOf<Workflow>()
  expectTypeOf<ChordError>().toExtend<JobFailedError>()
  expectTypeOf(app.group<[number]>('id').result()).toEqualTypeOf<Promise<[number]>>()
})
