import type { EventName, Events } from './events.ts'

/** Gets the facts of one kind. */
export type EventListener<Name extends EventName> = (event: Events[Name]) => void

/** Passes facts on to whoever listens. A listener that throws is told to nobody: facts do not depend on listeners. */
export class Bus {
  readonly #listeners = new Map<EventName, Set<EventListener<never>>>()

  /** Adds a listener; returns the function that takes it back. */
  on<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener as EventListener<never>)
    return () => listeners.delete(listener as EventListener<never>)
  }

  /** Whether anybody would hear it: facts that nobody hears are not even put together on the hot path. */
  wanted(name: EventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit<Name extends EventName>(name: Name, event: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        ;(listener as EventListener<Name>)(event)
      } catch (error) {
        // Out of the way of what announced the fact, but not swallowed: it ends up as an uncaught exception.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
