/** Values that handlers really throw: whatever they are, the attempt has to be settled. */
const ODD: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => 'a string',
  () => ({}),
  () => 42n,
  () => Symbol('odd'),
  () => new Error('a NUL \u0000 and half a character \ud83d'),
  () => Object.defineProperty(new Error('x'), 'stack', { get: () => raise() }),
  () => Object.defineProperty(new Error('x'), 'message', { get: () => raise() }),
  () => {
    const error = new Error('cyclic')
    error.cause = error
    return error
  },
  () =>
    new AggregateError(
      Array.from({ length: 1_000 }, (_, index) => new Error(`member ${index}`)),
      'many',
    ),
  () => new Error('long '.repeat(100_000)),
  () => new Proxy({}, { get: raise, has: raise, getPrototypeOf: raise, ownKeys: raise }),
]

/** The value with a number, counted around. */
export function oddValue(index: number): unknown {
  return ODD[index % ODD.length]?.()
}

function raise(): never {
  throw new Error('looking at it throws')
}
