import type { Settled } from '../job/handle.ts'

/** What ended, and how. */
export interface Ended<Member> {
  readonly member: Member
  readonly end: Settled<unknown>
}

/** How ends are waited for. */
export interface Waiting<Member> {
  readonly settled: (member: Member) => Promise<Settled<unknown>>
  /** Puts those in order that were found at once. */
  readonly sorted: (found: readonly Ended<Member>[]) => Promise<readonly Ended<Member>[]>
}

/** Yields members as they end, whichever order they were given in. */
export async function* inOrderOfEnd<Member>(
  members: readonly Member[],
  { settled, sorted }: Waiting<Member>,
): AsyncGenerator<Ended<Member>> {
  let found: Ended<Member>[] = []
  let failure: { readonly error: unknown } | null = null
  let wake: () => void = () => undefined
  for (const member of members) {
    settled(member).then(
      (end) => {
        found.push({ member, end })
        wake()
      },
      (error: unknown) => {
        failure ??= { error }
        wake()
      },
    )
  }
  for (let left = members.length; left > 0; ) {
    while (found.length === 0 && failure === null) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      // One read finds many: let all of them arrive.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const batch = found
    found = []
    for (const ended of batch.length > 1 ? await sorted(batch) : batch) {
      left -= 1
      yield ended
    }
    const failed = failure as { readonly error: unknown } | null
    if (failed !== null && found.length === 0) throw failed.error
  }
}
