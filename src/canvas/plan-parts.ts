import type { CallOptions } from '../task/options.ts'
import type { ChainData, GroupData, MapData, SignatureData } from './data.ts'

/** Options of a part by what they concern: all of it, its first nodes, or its last one. */
export interface SplitOptions {
  readonly options: CallOptions
  readonly start: CallOptions
  readonly end: CallOptions
}

/** Steps of a chain, those of chains and chords in it included; iterative, since a.pipe(b).pipe(c) nests as deeply as it is long. */
export function flatSteps(chain: ChainData): readonly SignatureData[] {
  const steps: SignatureData[] = []
  const left: SignatureData[] = [...chain.steps].reverse()
  for (let step = left.pop(); step !== undefined; step = left.pop()) {
    if (step.kind === 'chain' && isBare(step) && step.steps.length > 0)
      for (const inner of [...step.steps].reverse()) left.push(inner)
    else if (step.kind === 'chord' && isBare(step)) left.push(step.body, step.header)
    else steps.push(step)
  }
  return steps
}

export type Member = readonly [name: string | null, data: SignatureData]

/** Members of a group, those of groups directly in it included. */
export function flatMembers(group: GroupData): readonly Member[] {
  const { members } = group
  if (!isList(group)) return Object.entries(members)
  const flat: Member[] = []
  const left = [...(members as readonly SignatureData[])].reverse()
  for (let member = left.pop(); member !== undefined; member = left.pop()) {
    if (member.kind === 'group' && isBare(member) && member.allowFailures === undefined && isList(member)) {
      for (const inner of [...(member.members as readonly SignatureData[])].reverse()) left.push(inner)
    } else flat.push([null, member])
  }
  return flat
}

/** Whether a group is a list; else it is an object. */
export function isList({ members }: GroupData): boolean {
  return Array.isArray(members)
}

/** Whether nothing is said of a part as a whole. */
export function isBare({ options, links, errbacks, optional }: SignatureData): boolean {
  return options === undefined && links === undefined && errbacks === undefined && optional === undefined
}

/** Sorts options by what of a part they concern. */
export function splitOptions({ delay, runAt, id, ...options }: CallOptions): SplitOptions {
  return {
    options,
    start: { ...(delay !== undefined && { delay }), ...(runAt !== undefined && { runAt }) },
    end: id === undefined ? {} : { id },
  }
}

/** Whether options say when to begin. */
export function isTimed({ delay, runAt }: CallOptions): boolean {
  return delay !== undefined || runAt !== undefined
}

/** Labels alone. */
export function labelsOf({ labels }: CallOptions): CallOptions {
  return labels === undefined ? {} : { labels }
}

/** What a join takes of the options of its group: it does not run, so most mean nothing to it. */
export function joinOptions({ queue, labels, resultTtl }: CallOptions): CallOptions {
  return {
    ...(queue !== undefined && { queue }),
    ...(labels !== undefined && { labels }),
    ...(resultTtl !== undefined && { resultTtl }),
  }
}

/** How a job calls its task with many items, as its row says. */
export function mapOf({ spread, allowFailures }: MapData): {
  readonly spread: boolean
  readonly allowFailures?: true
} {
  return { spread, ...(allowFailures === true && { allowFailures }) }
}
