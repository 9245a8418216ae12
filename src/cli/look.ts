import type { Style } from './output.ts'

/** How a state, or the adjective of it, looks on a terminal. */
export function styleOfState(state: string, condition: string | null = null): Style | null {
  if (condition === 'stalled' || state === 'failed' || state === 'lost' || state === 'broken') return 'red'
  if (condition === 'retrying' || condition === 'cancelling' || condition === 'expired') return 'yellow'
  if (state === 'succeeded') return 'green'
  if (state === 'running' || state === 'busy') return 'cyan'
  if (state === 'paused') return 'yellow'
  return ['cancelled', 'waiting', 'finished', 'retired'].includes(state) ? 'dim' : null
}
