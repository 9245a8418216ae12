import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contender } from '../contenders/contender.ts'
import type { ChildMessage, OrderName, Orders } from './orders.ts'

const DEFAULT_TIMEOUT_MS = 180_000

interface Waiter {
  resolve(answer: unknown): void
  reject(error: Error): void
}

// With their code in a cache, processes do without the stripper of types, which alone holds 25 MiB.
let compileCache: string | undefined

const living = new Set<Remote>()

/** Ends every child process that is left; for the end of the run. */
export function killRemotes(): void {
  for (const remote of living) remote.kill()
  if (compileCache !== undefined) rmSync(compileCache, { recursive: true, force: true })
}

/** A child process of the bench, seen from the runner. */
export class Remote {
  readonly pid: number
  /** Jobs its handlers have begun, as of a few milliseconds ago. */
  count = 0
  onCount: (() => void) | undefined
  onBegun: ((job: { sentAt: number; begunAt: number }) => void) | undefined
  readonly #process: ChildProcess
  readonly #waiters = new Map<number, Waiter>()
  #lastId = 0
  #stderr = ''

  constructor(contender: Contender) {
    compileCache ??= mkdtempSync(join(tmpdir(), 'celeriac-bench-code-'))
    this.#process = fork(join(import.meta.dirname, 'child.ts'), [contender.id], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      env: { ...process.env, NODE_NO_WARNINGS: '1', NODE_COMPILE_CACHE: compileCache },
    })
    this.pid = this.#process.pid ?? 0
    living.add(this)
    this.#process.stderr?.on('data', (text) => {
      this.#stderr = (this.#stderr + String(text)).slice(-2_000)
    })
    this.#process.on('message', (message) => this.#receive(message as ChildMessage))
    this.#process.on('exit', (code, signal) => this.#lost(`its process ended with ${signal ?? code}`))
  }

  /** Gives an order and waits for its answer; rejects with what went wrong in the child. */
  async ask<K extends OrderName>(
    order: K,
    argument: Orders[K]['argument'],
    timeoutMs = DEFAULT_TIMEOUT_MS,
  ): Promise<Orders[K]['answer']> {
    const id = ++this.#lastId
    const answered = new Promise((resolve, reject) => {
      this.#waiters.set(id, { resolve, reject })
    })
    const timer = setTimeout(
      () => this.#lost(`no answer to ${order} within ${timeoutMs / 1000} s`),
      timeoutMs,
    )
    try {
      this.#process.send({ id, order, argument })
      return (await answered) as Orders[K]['answer']
    } finally {
      clearTimeout(timer)
      this.#waiters.delete(id)
    }
  }

  /** Stops the contender in it and lets it end; kills it when it does not within `timeoutMs`. */
  async close(timeoutMs = 15_000): Promise<void> {
    if (!living.has(this)) return
    const ended = once(this.#process, 'exit')
    await this.ask('close', null, timeoutMs).catch(() => this.kill())
    await ended
  }

  /** Ends it at once, as a crash would. */
  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /** What it last said on stderr. */
  get complaints(): string {
    return this.#stderr.trim()
  }

  #receive(message: ChildMessage): void {
    if (message.kind === 'count') {
      this.count = message.count
      this.onCount?.()
    } else if (message.kind === 'begun') {
      this.onBegun?.(message)
    } else if (message.kind === 'answer') {
      this.#waiters.get(message.id)?.resolve(message.answer)
    } else {
      this.#waiters.get(message.id)?.reject(new Error(message.message))
    }
  }

  #lost(reason: string): void {
    living.delete(this)
    const error = new Error([reason, this.complaints].filter(Boolean).join('\n'))
    for (const waiter of this.#waiters.values()) waiter.reject(error)
  }
}
