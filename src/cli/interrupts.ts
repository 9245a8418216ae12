import { CeleriacError } from '../base/errors.ts'
import { exitCodeOfSignal } from './exit-codes.ts'

/** What SIGINT, SIGTERM, SIGHUP and a reader that has gone do to a command. */
export interface Interrupts {
  /** Aborts with the first of them; its reason is an `INTERRUPTED`. */
  readonly signal: AbortSignal
  /** Replaces that: gets each of them, counted from 1; the returned function takes it back. */
  take(handler: (signal: NodeJS.Signals, count: number) => void): () => void
  /** As if that signal had come. */
  raise(signal: NodeJS.Signals): void
  /** Lets the process be ended by signals again. */
  stop(): void
}

/**
 * Catches SIGINT, SIGTERM and SIGHUP: the first lets the command end in order, a second one ends the process at once, unless
 * the command counts them itself.
 */
export function catchInterrupts(): Interrupts {
  const controller = new AbortController()
  let count = 0
  let taken: ((signal: NodeJS.Signals, count: number) => void) | null = null
  const onSignal = (signal: NodeJS.Signals): void => {
    count += 1
    if (taken !== null) {
      taken(signal, count)
      return
    }
    if (count > 1) process.exit(exitCodeOfSignal(signal))
    controller.abort(new CeleriacError('INTERRUPTED', { signal }))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  process.on('SIGHUP', onSignal)
  return {
    signal: controller.signal,
    take: (handler) => {
      taken = handler
      return () => {
        taken = null
      }
    },
    raise: onSignal,
    stop: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
      process.off('SIGHUP', onSignal)
    },
  }
}

/** The value of `work`, unless the signal aborts first: then its reason is thrown, and `work` is nobody's any more. */
export async function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted()
  let stop = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    stop = () => signal.removeEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    stop()
  }
}
