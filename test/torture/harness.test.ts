import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { until } from '../support/until.ts'
import { brokenFunctions, CONTROLS } from './controls.ts'
import { WireProxy } from './driver/proxy.ts'
import { callIn, idsIn, MessageReader } from './driver/wire.ts'
import { parseHistory, readHistory } from './history/reader.ts'
import { HistoryWriter } from './history/writer.ts'
import { readOptions } from './options.ts'
import { Random } from './random.ts'

describe('the history', () => {
  test('is read in the order of the clock, whoever wrote it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-history-'))
    try {
      const [one, other] = [new HistoryWriter(folder, 'one'), new HistoryWriter(folder, 'other')]
      one.write({ e: 'evicted' }, 3)
      other.write({ e: 'fenced' }, 2)
      other.write({ e: 'down' }, 4)
      expect(readHistory(folder).map(({ t, p, e }) => `${t} ${p} ${e}`)).toEqual([
        '2 other fenced',
        '3 one evicted',
        '4 other down',
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('ignores a last line that a kill has torn', () => {
    expect(parseHistory('{"t":1,"p":"a","e":"down"}\n{"t":2,"p":"a","e":"do', 'a')).toHaveLength(1)
  })

  test('refuses any other line that is no entry', () => {
    expect(() => parseHistory('{"t":1\n{"t":2,"p":"a","e":"down"}\n', 'a.jsonl')).toThrow(/a\.jsonl:1/)
  })
})

describe('chance', () => {
  test('is the same for the same seed', () => {
    const rolls = (seed: string): number[] => {
      const random = new Random(seed)
      return Array.from({ length: 20 }, () => random.integer(1, 6))
    }
    expect(rolls('a')).toEqual(rolls('a'))
    expect(rolls('a')).not.toEqual(rolls('b'))
  })

  test('follows weights', () => {
    const random = new Random('weights')
    const counts = { often: 0, seldom: 0 }
    for (let roll = 0; roll < 10_000; roll += 1) counts[random.weighted({ often: 9, seldom: 1 })] += 1
    expect(counts.seldom).toBeGreaterThan(800)
    expect(counts.seldom).toBeLessThan(1_200)
  })
})

describe('a control', () => {
  test.each(CONTROLS)('$name finds what it breaks', ({ edits, broken }) => {
    expect(brokenFunctions(edits).length + (broken === null ? 0 : 1)).toBeGreaterThan(0)
  })

  test('that finds nothing to break fails loudly', () => {
    expect(() => brokenFunctions([{ file: 'claim_jobs', find: 'no such text', replace: '' }])).toThrow(
      /claim_jobs\.sql holds 0 times/,
    )
    expect(() => brokenFunctions([{ file: 'no_such_function', find: '', replace: '' }])).toThrow(
      /no function/,
    )
  })
})

describe('the options', () => {
  test('take versions as a range or a list', () => {
    expect(readOptions(['--pg', '15..18']).versions).toEqual([15, 16, 17, 18])
    expect(readOptions(['--pg', '15,18']).versions).toEqual([15, 18])
  })

  test('take all controls or some', () => {
    expect(readOptions(['--controls']).controls).toHaveLength(CONTROLS.length)
    expect(readOptions(['--controls', 'no-fence', '--seed', '1'])).toMatchObject({
      controls: ['no-fence'],
      seed: '1',
    })
  })

  test('name what they do not know', () => {
    expect(() => readOptions(['--lane', 'kil'])).toThrow(/kil/)
    expect(() => readOptions(['--pg', '14'])).toThrow(/14/)
  })
})

describe('the wire', () => {
  test('is cut into messages, wherever its pieces end', () => {
    const reader = new MessageReader(true)
    const bytes = Buffer.concat([startup(), message('B', '\0work_cycle\0rest'), message('S', '')])
    const read = [...bytes].flatMap((byte) => reader.read(Buffer.from([byte])))
    expect(read.map(({ type }) => type)).toEqual(['', 'B', 'S'])
    expect(read.map(callIn)).toEqual([null, 'work_cycle', null])
  })

  test('names ids once', () => {
    const id = '01a1fe1d-35c0-7329-ac34-08b984b7cad0'
    expect(idsIn(`x${id}"${id}`)).toEqual([id])
  })
})

describe('the proxy', () => {
  const openOnes: { close(): unknown }[] = []
  afterEach(async () => {
    for (const one of openOnes.splice(0).reverse()) await one.close()
  })

  async function echo(): Promise<{ proxy: WireProxy; port: number }> {
    const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    openOnes.push(server)
    return proxyTo(portOf(server))
  }

  async function proxyTo(target: number, host = '127.0.0.1'): Promise<{ proxy: WireProxy; port: number }> {
    const proxy = new WireProxy({ host, port: target })
    openOnes.push(proxy)
    return { proxy, port: await proxy.open() }
  }

  function client(port: number): { socket: Socket; heard: () => string; closed: () => boolean } {
    const socket = connect(port, '127.0.0.1')
    openOnes.push({ close: () => socket.destroy() })
    let text = ''
    let closed = false
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      closed = true
    })
    return { socket, heard: () => text, closed: () => closed }
  }

  test('passes bytes on', async () => {
    const { port } = await echo()
    const { socket, heard } = client(port)
    socket.write('hello')
    await until(() => heard() === 'hello')
  })

  test('keeps their order when a delay ends', async () => {
    const { proxy, port } = await echo()
    const { socket, heard } = client(port)
    proxy.delay(60)
    socket.write('one ')
    await until(() => proxy.delayMs === 60)
    await new Promise((resolve) => setImmediate(resolve))
    proxy.delay(0)
    socket.write('two')
    await until(() => heard() === 'one two')
  })

  test('loses bytes without a sign, and resets when it heals', async () => {
    const { proxy, port } = await echo()
    const { socket, heard, closed } = client(port)
    socket.write('a')
    await until(() => heard() === 'a')
    proxy.blackhole('toServer', 'toClient')
    socket.write('b')
    const other = client(port)
    await until(() => other.socket.readyState === 'open')
    other.socket.write('c')
    await expect(until(() => heard() !== 'a' || closed(), { timeoutMs: 100 })).rejects.toThrow()
    proxy.heal()
    await until(closed)
    expect([heard(), other.heard()]).toEqual(['a', ''])
  })

  test('keeps the end of a connection to itself while no byte passes', async () => {
    let open = 0
    const server = createServer((socket) => {
      open += 1
      socket
        .on('error', () => undefined)
        .on('close', () => {
          open -= 1
        })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    openOnes.push(server)
    const { proxy, port } = await proxyTo(portOf(server))
    const { socket, closed } = client(port)
    await until(() => open === 1)
    proxy.blackhole('toServer', 'toClient')
    socket.end()
    socket.destroy()
    await until(closed)
    await expect(until(() => open === 0, { timeoutMs: 100 })).rejects.toThrow()
    proxy.heal()
    await until(() => open === 0)
  })

  test('throws away the answer to a call that the server has done', async () => {
    const url = new URL(inject('adminUrl'))
    const { proxy, port } = await proxyTo(Number(url.port), url.hostname)
    const proxied = new URL(url)
    proxied.hostname = '127.0.0.1'
    proxied.port = String(port)
    const session = new pg.Client({ connectionString: proxied.href })
    session.on('error', () => undefined)
    await session.connect()
    openOnes.push({ close: () => session.end().catch(() => undefined) })
    const id = '01a1fe1d-35c0-7329-ac34-08b984b7cad0'
    const dropped: unknown[] = []
    expect((await session.query({ name: 'other', text: 'select 1 as one' })).rows).toEqual([{ one: 1 }])
    proxy.dropNextReply(/^claim$/, 'reset', (one) => dropped.push(one))
    const answer = session.query({ name: 'claim', text: 'select $1::text as id', values: [id] })
    await expect(answer).rejects.toThrow()
    await until(() => dropped.length === 1)
    expect(dropped).toEqual([{ call: 'claim', ids: [id] }])
  })
})

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function startup(): Buffer {
  return withLength(Buffer.from('user\0postgres\0\0'))
}

function message(type: string, body: string): Buffer {
  return Buffer.concat([Buffer.from(type), withLength(Buffer.from(body))])
}

function withLength(body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeInt32BE(body.length + 4)
  return Buffer.concat([head, body])
}
