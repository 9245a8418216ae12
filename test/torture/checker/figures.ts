/** A value of a list that so many of it are not above; null for an empty one. */
export function percentile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? null
}

/** The middle, the slow end and the worst of a list. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread | null {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(values, share))
  if (p50 == null || p99 == null || max == null) return null
  return { count: values.length, p50: Math.round(p50), p99: Math.round(p99), max: Math.round(max) }
}
