/** How {@link until} waits. */
export interface UntilOptions {
  /** Gives up after so many ms. @defaultValue 10_000 */
  readonly timeoutMs?: number
  /** Asks again after so many ms. @defaultValue 20 */
  readonly every?: number
  /** What is awaited, for the message of the failure. */
  readonly what?: string
}

/** What a condition may give while it does not hold yet. */
type Falsy = false | 0 | 0n | '' | null | undefined

/**
 * Waits for a condition: the only place where a test may use a timer.
 *
 * @returns the first truthy value of `condition`; what it throws counts as "not yet"
 * @throws {Error} naming `what`, and the last value or error.
 */
export async function until<Value>(
  condition: () => Value | Promise<Value>,
  { timeoutMs = 10_000, every = 20, what = 'the condition' }: UntilOptions = {},
): Promise<Exclude<Awaited<Value>, Falsy>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const last = await attempt(condition)
    if ('value' in last && isHeld(last.value)) return last.value
    if (performance.now() > deadline) {
      throw new Error(`${what} has not come within ${timeoutMs} ms; last: ${describe(last)}`, {
        cause: 'error' in last ? last.error : undefined,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}

type Attempt<Value> = { readonly value: Value } | { readonly error: unknown }

async function attempt<Value>(condition: () => Value | Promise<Value>): Promise<Attempt<Awaited<Value>>> {
  try {
    return { value: await condition() }
  } catch (error) {
    return { error }
  }
}

function isHeld<Value>(value: Value): value is Exclude<Value, Falsy> {
  return Boolean(value)
}

function describe(last: Attempt<unknown>): string {
  if ('error' in last) return String(last.error)
  try {
    return JSON.stringify(last.value) ?? String(last.value)
  } catch {
    return String(last.value)
  }
}
