/** A promise that a test opens when it wants to: handlers wait for it instead of for a time. */
export interface Gate<Value = void> extends PromiseLike<Value> {
  readonly open: (value: Value) => void
  readonly fail: (error: unknown) => void
  readonly promise: Promise<Value>
}

/** Makes a {@link Gate}. */
export function gate<Value = void>(): Gate<Value> {
  let open: (value: Value) => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const promise = new Promise<Value>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  promise.catch(() => undefined)
  // biome-ignore lint/suspicious/noThenProperty: a gate is there to be awaited
  return { open, fail, promise, then: promise.then.bind(promise) }
}

/** Resolves when a signal aborts, with its reason. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve(signal.reason)
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true })
  })
}
