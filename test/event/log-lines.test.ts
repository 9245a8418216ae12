import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Bus } from '../../src/event/bus.ts'
import { Log } from '../../src/event/log.ts'
import { writeLogLines } from '../../src/event/log-lines.ts'

describe('log lines', () => {
  test('name no key twice, the name of the logger and of the worker included', async () => {
    const stream = new PassThrough()
    const bus = new Bus()
    writeLogLines(bus, new Log(pino({ name: 'celeriac' }, stream)))
    bus.emit('worker:started', { workerId: '0198', name: 'host:1', queues: ['default'], concurrency: 10 })
    bus.emit('worker:rescued', {
      workerId: '0198',
      name: 'host:2',
      reason: 'its sessions ended',
      rescued: 1,
      failed: 0,
    })
    stream.end()
    const lines = (await text(stream)).trim().split('\n')
    expect(lines.map((line) => [...line.matchAll(/"name":"([^"]*)"/g)].map(([, name]) => name))).toEqual([
      ['celeriac'],
      ['celeriac'],
    ])
    expect(lines.map((line) => JSON.parse(line).worker)).toEqual(['host:1', 'host:2'])
  })
})
