import { describe, expect, test } from 'vitest'
import { aJob, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { aCanvas, type Canvas, FAILS, type NodeSpec, takes } from './rows.ts'

const database = useDatabase({ name: 'workflow_tree' })

/** a | group(b, chain(c, group(d, e), f)) | g */
const NESTED: Readonly<Record<string, NodeSpec>> = {
  a: {},
  b: { after: ['a'] },
  c: { after: ['a'] },
  d: { after: ['c'] },
  e: { after: ['c'], onError: true },
  inner: { join: 'object', after: ['d', 'e'], parent: 'c' },
  f: { after: ['inner'] },
  outer: { join: 'list', after: ['b', 'f'], parent: 'a' },
  g: { after: ['outer'] },
}

async function treeOf(canvas: Canvas): Promise<Record<string, unknown>[]> {
  return rowsOf(database, 'select * from celeriac.workflow_tree where workflow_id = $1 order by path', [
    canvas.id,
  ])
}

async function drawn(canvas: Canvas): Promise<string[]> {
  const rows = await treeOf(canvas)
  return rows.map((row) => {
    const name = row.kind === 'errback' ? 'errback' : canvas.nameOf(row.id)
    return `${'  '.repeat(Number(row.depth))}${name} ${row.state}`
  })
}

describe('workflow_tree', () => {
  test('shows a group before what is inside, in definition order, at every level', async () => {
    const canvas = await aCanvas(database, NESTED)
    await canvas.end('a')
    await takes(database, String(canvas.ids.b))
    expect(await drawn(canvas)).toEqual([
      'a succeeded',
      'outer waiting',
      '  b running',
      '  c pending',
      '  inner waiting',
      '    d waiting',
      '    e waiting',
      '  f waiting',
      'g waiting',
    ])
    const rows = await treeOf(canvas)
    expect(rows.map(({ kind }) => kind).join()).toBe('job,group,job,job,group,job,job,job,job')
    const e = rows.find(({ id }) => id === canvas.ids.e)
    expect(e).toMatchObject({
      position: 1,
      name: 'e',
      inside_id: canvas.ids.inner,
      parent_ids: [canvas.ids.c],
    })
    expect(rows.find(({ id }) => id === canvas.ids.c)).toMatchObject({
      position: null,
      inside_id: canvas.ids.outer,
    })
  })

  test('shows why a node never began, and error callbacks under what failed', async () => {
    const canvas = await aCanvas(database, NESTED)
    for (const name of ['a', 'c']) await canvas.end(name)
    await canvas.end('e', FAILS)
    expect(await drawn(canvas)).toEqual([
      'a succeeded',
      'outer failed',
      '  b pending',
      '  c succeeded',
      '  inner failed',
      '    d pending',
      '    e failed',
      '      errback pending',
      '  f failed',
      'g failed',
    ])
    const rows = await treeOf(canvas)
    expect(rows.find(({ id }) => id === canvas.ids.e)).toMatchObject({
      error_message: 'boom',
      upstream_id: null,
    })
    expect(rows.find(({ id }) => id === canvas.ids.f)).toMatchObject({ upstream_id: canvas.ids.inner })
    expect(rows.find(({ kind }) => kind === 'errback')).toMatchObject({
      task: 'tell',
      inside_id: canvas.ids.e,
    })
  })

  test('keeps a group at the very beginning apart from what follows', async () => {
    const canvas = await aCanvas(database, {
      a: {},
      b: {},
      one: { join: 'list', after: ['a', 'b'], parent: null },
      c: { after: ['one'] },
      d: { after: ['one'] },
      two: { join: 'list', after: ['c', 'd'], parent: 'one' },
    })
    expect(await drawn(canvas)).toEqual([
      'one waiting',
      '  a pending',
      '  b pending',
      'two waiting',
      '  c waiting',
      '  d waiting',
    ])
  })

  test('shows a callback where the job is that it is linked to', async () => {
    const canvas = await aCanvas(database, {
      a: {},
      called: { after: ['a'] },
      next: { after: ['called'] },
      b: {},
      both: { join: 'list', after: ['a', 'b'], parent: null },
    })
    expect(await drawn(canvas)).toEqual([
      'both waiting',
      '  a pending',
      '  called waiting',
      '  next waiting',
      '  b pending',
    ])
  })

  test('reads one canvas of many without looking at the others', async () => {
    const canvas = await aCanvas(database, NESTED)
    const [row] = await rowsOf(
      database,
      'explain (format json) select * from celeriac.workflow_tree where workflow_id = $1',
      [canvas.id],
    )
    expect(JSON.stringify(row)).toMatch(/workflows_pkey/)
    expect(JSON.stringify(row)).toContain('jobs_for_workflow')
  })

  test('follows a long chain', async () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `s${index}`)
    const steps = names.map((name, index) => [name, index === 0 ? {} : { after: [`s${index - 1}`] }] as const)
    const canvas = await aCanvas(database, {
      ...Object.fromEntries(steps),
      all: { join: 'list', after: ['s1999'], parent: null, first: 's0' },
    })
    const rows = await treeOf(canvas)
    expect(rows).toHaveLength(2_001)
    expect(canvas.nameOf(rows[0]?.id)).toBe('all')
    expect(rows.slice(1).map(({ id }) => canvas.nameOf(id))).toEqual(names)
  })
})

describe('workflow_overview', () => {
  test('counts jobs, not groups and not error callbacks, and knows the end', async () => {
    const canvas = await aCanvas(database, NESTED)
    const overview = async () => {
      const [row] = await rowsOf(database, 'select * from celeriac.workflow_overview where id = $1', [
        canvas.id,
      ])
      return row
    }
    for (const name of ['a', 'c']) await canvas.end(name)
    await canvas.end('e', FAILS)
    expect(await overview()).toMatchObject({
      name: 'a | b | c | d | e | inner | f | outer | g',
      output_id: canvas.ids.g,
      total: 7,
      waiting: 0,
      pending: 2,
      running: 0,
      succeeded: 2,
      failed: 3,
      cancelled: 0,
      done: false,
      finished_at: null,
    })
    await canvas.end('b')
    await canvas.end('d')
    expect(await overview()).toMatchObject({ succeeded: 4, done: true, finished_at: expect.any(Date) })
  })
})

describe('cancel_workflow', () => {
  test('settles what waits, asks what runs, and calls no error callback', async () => {
    const canvas = await aCanvas(database, NESTED)
    await canvas.end('a')
    await canvas.end('c')
    await takes(database, String(canvas.ids.e))
    const rows = await rowsOf(database, 'select * from celeriac.cancel_workflow($1, $2)', [
      canvas.ids.g,
      'enough',
    ])
    expect(
      rows.filter(({ outcome }) => outcome === 'requested').map(({ job_id }) => canvas.nameOf(job_id)),
    ).toEqual(['e'])
    expect(rows.filter(({ outcome }) => outcome === 'cancelled')).toHaveLength(6)
    expect(await canvas.states()).toEqual({
      a: 'succeeded',
      b: 'cancelled',
      c: 'succeeded',
      d: 'cancelled',
      e: 'running',
      inner: 'cancelled',
      f: 'cancelled',
      outer: 'cancelled',
      g: 'cancelled',
    })
  })

  test('knows nothing of what is no canvas', async () => {
    const id = await aJob(database)
    expect(await rowsOf(database, 'select * from celeriac.cancel_workflow($1, null)', [id])).toEqual([
      { job_id: null, outcome: null },
    ])
    expect(await rowsOf(database, 'select celeriac.find_workflow($1) as one', [id])).toEqual([{ one: null }])
    expect(await rowsOf(database, 'select celeriac.find_group($1) as one', [id])).toEqual([{ one: null }])
  })
})

test('find_group reads members of all levels, and the order in which they ended', async () => {
  const canvas = await aCanvas(database, NESTED)
  for (const name of ['a', 'c', 'e', 'b', 'd']) await canvas.end(name)
  const [row] = await rowsOf(database, 'select celeriac.find_group($1) as text', [canvas.ids.outer])
  const group = JSON.parse(String(row?.text))
  expect(group).toMatchObject({ id: canvas.ids.outer, join: 'list', state: 'waiting', workflowId: canvas.id })
  expect(group.members.map(({ id }: { id: string }) => canvas.nameOf(id))).toEqual(['b', 'f'])
  const [inner] = await rowsOf(database, 'select celeriac.find_group($1) as text', [canvas.ids.inner])
  expect(JSON.parse(String(inner?.text))).toMatchObject({
    join: 'object',
    members: [
      { name: 'd', position: 0, state: 'succeeded', endOrder: 2 },
      { name: 'e', position: 1, state: 'succeeded', endOrder: 1 },
    ],
  })
})
