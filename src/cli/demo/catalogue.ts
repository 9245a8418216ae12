import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { CeleriacError } from '../../base/errors.ts'

/** Where the catalogue answers, until it is stopped. */
export interface Catalogue {
  readonly url: string
  stop(): Promise<void>
}

/** After the first call, for so long, it only says that it wakes up. */
const WAKING_MS = 300
const ANSWER_MS = 25
/** Every so manieth caller is hung up on. */
const HANG_UP = 7

/**
 * Starts a small HTTP service that gives each track a number, and has the faults of services: it needs a moment to
 * wake up, serves one caller at a time and sends the others away with 503, and hangs up now and then.
 *
 * Asked twice for the same track, it gives the same number: a job may run twice.
 */
export async function startCatalogue(): Promise<Catalogue> {
  const numbers = new Map<string, number>()
  let calls = 0
  let wakesAt = 0
  let busy = false

  const server = createServer((request, response) => {
    calls += 1
    if (wakesAt === 0) wakesAt = performance.now() + WAKING_MS
    if (performance.now() < wakesAt) return refuse(response, 'waking up')
    if (busy) return refuse(response, 'busy')
    if (calls % HANG_UP === 0) return void request.socket.destroy()
    busy = true
    void Promise.all([text(request), pause(ANSWER_MS)])
      .then(([track]) => {
        const number = numbers.get(track) ?? numbers.size + 1
        numbers.set(track, number)
        response.writeHead(200).end(String(number))
      })
      .catch(() => response.destroy())
      .finally(() => {
        busy = false
      })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/tracks`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function refuse(response: ServerResponse, reason: string): void {
  response.writeHead(503).end(reason)
}

/**
 * Asks the catalogue for a track's number.
 *
 * @throws {CeleriacError} `DEMO_CATALOGUE` when it answers anything but a number, or not at all
 */
export async function askCatalogue(url: string, track: string, signal: AbortSignal): Promise<number> {
  const response = await fetch(url, { method: 'POST', body: track, signal }).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new CeleriacError('DEMO_CATALOGUE', { reason: 'hung up' }, { cause })
  })
  const answer = await response.text()
  if (response.ok) return Number(answer)
  throw new CeleriacError('DEMO_CATALOGUE', { reason: `${response.status} ${answer}` })
}
