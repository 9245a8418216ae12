import type { OutcomeToSettle } from './outcome.ts'

const MOST_CHARACTERS = 1_000
const NAME = 'SettleError'

/** An outcome the server did not take, as one that it will: the job fails with what the server said. */
export function sanitise(outcome: OutcomeToSettle, error: unknown): OutcomeToSettle {
  if (outcome.kind === 'errored' && outcome.error.name === NAME) return { kind: 'released' }
  const message = error instanceof Error ? error.message : 'the server refused it'
  return {
    kind: 'errored',
    error: { name: NAME, message: `the outcome could not be stored: ${message.slice(0, MOST_CHARACTERS)}` },
    thrown: error,
    delayMs: null,
    expected: false,
  }
}
