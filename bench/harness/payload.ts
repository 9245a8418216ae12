import { now } from './clock.ts'

/** What every job of every contender carries: 100 bytes of JSON, with the instant it was sent. */
export interface Payload {
  readonly sentAt: number
  readonly filler: string
}

const BYTES = 100

/** A payload whose JSON text is 100 bytes long. */
export function payload(): Payload {
  const sentAt = Math.round(now() * 1000) / 1000
  const bare = JSON.stringify({ sentAt, filler: '' }).length
  return { sentAt, filler: 'x'.repeat(Math.max(0, BYTES - bare)) }
}

/** `count` payloads. */
export function payloads(count: number): Payload[] {
  return Array.from({ length: count }, payload)
}
