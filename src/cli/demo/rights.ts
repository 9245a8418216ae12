import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { CeleriacError, PermanentError } from '../../base/errors.ts'

/** The copyright service, which answers until it is stopped. */
export interface RightsService {
  readonly url: string
  /** Says that the recording with this hash belongs to somebody; whoever asks for it is told so from now on. */
  claim(sha256: string): void
  stop(): Promise<void>
}

/** What the service says about a recording that nobody else owns. */
export interface Clearance {
  /** Number of its entry in the service's register. */
  readonly entry: number
}

/** After the first call, for so long, it only says that it wakes up. */
const WAKING_MS = 300
const ANSWER_MS = 60
/** Longer than any caller waits. */
const LOST_MS = 30_000
/** Callers that are served at once; the others are sent away. */
const DESKS = 2
/** Every so manieth question gets lost on somebody's desk. */
const LOST = 4
/** How long a caller waits for an answer. */
const PATIENCE_MS = 1_000

/**
 * Starts a small HTTP service that knows who owns a recording, and has the faults of services: it needs a moment to
 * wake up, sends callers away with 503 when its two desks are taken, and leaves every fourth question without an answer.
 *
 * Asked twice about the same recording, it says the same: a job may run twice.
 */
export async function startRights(): Promise<RightsService> {
  const register = new Map<string, number>()
  const claimed = new Set<string>()
  const stopping = new AbortController()
  let wakesAt = 0
  let served = 0
  let questions = 0

  async function serve(recording: string, response: ServerResponse): Promise<void> {
    questions += 1
    const lost = questions % LOST === 0
    await pause(lost ? LOST_MS : ANSWER_MS, undefined, { signal: stopping.signal })
    if (claimed.has(recording)) {
      response.writeHead(451).end('it is registered to somebody else')
      return
    }
    const entry = register.get(recording) ?? register.size + 1
    register.set(recording, entry)
    response.writeHead(200).end(String(entry))
  }

  const server = createServer((request, response) => {
    if (wakesAt === 0) wakesAt = performance.now() + WAKING_MS
    if (performance.now() < wakesAt) return refuse(response, 'waking up')
    if (served >= DESKS) return refuse(response, 'busy')
    served += 1
    // Whoever hangs up, or gets an answer, leaves the desk.
    response.once('close', () => {
      served -= 1
    })
    void text(request)
      .then((recording) => serve(recording, response))
      .catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/recordings`,
    claim: (sha256) => void claimed.add(sha256),
    stop: () =>
      new Promise((resolve) => {
        stopping.abort()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function refuse(response: ServerResponse, reason: string): void {
  response.writeHead(503).end(reason)
}

/**
 * Asks the service whether a recording may be published.
 *
 * @param sha256 - of the recording
 * @throws {PermanentError} when it may not: asking again would not change that
 * @throws {CeleriacError} `DEMO_RIGHTS` when the service says 503, or nothing
 */
export async function askRights(url: string, sha256: string, signal: AbortSignal): Promise<Clearance> {
  const patience = AbortSignal.timeout(PATIENCE_MS)
  const response = await fetch(url, {
    method: 'POST',
    body: sha256,
    signal: AbortSignal.any([signal, patience]),
  }).catch((cause: unknown) => {
    signal.throwIfAborted()
    const reason = patience.aborted ? `no answer within ${PATIENCE_MS} ms` : 'hung up'
    throw new CeleriacError('DEMO_RIGHTS', { reason }, { cause })
  })
  const answer = await response.text()
  if (response.status === 451) throw new PermanentError(`it infringes a copyright: ${answer}`)
  if (response.ok) return { entry: Number(answer) }
  throw new CeleriacError('DEMO_RIGHTS', { reason: `${response.status} ${answer}` })
}
