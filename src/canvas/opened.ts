import type { GroupMembers, SignatureData } from './data.ts'
import { isList } from './json.ts'

/** Puts args in front: of a chain's first step, of each member of a group or of a chord's header. */
export function opened(data: SignatureData, open: readonly unknown[]): SignatureData {
  if (open.length === 0) return data
  switch (data.kind) {
    case 'task':
      return data.immutable ? data : Object.freeze({ ...data, args: Object.freeze([...open, ...data.args]) })
    case 'map':
      return data
    case 'chain': {
      const [first, ...rest] = data.steps
      if (first === undefined) return data
      return Object.freeze({ ...data, steps: Object.freeze([opened(first, open), ...rest]) })
    }
    case 'group':
      return Object.freeze({ ...data, members: membersOpened(data.members, open) })
    case 'chord': {
      const header = Object.freeze({ ...data.header, members: membersOpened(data.header.members, open) })
      return Object.freeze({ ...data, header })
    }
  }
}

function membersOpened(members: GroupMembers, open: readonly unknown[]): GroupMembers {
  if (isList(members)) return Object.freeze(members.map((member) => opened(member, open)))
  return Object.freeze(
    Object.fromEntries(Object.entries(members).map(([name, member]) => [name, opened(member, open)])),
  )
}

/** Whether its value is what the members of a group give. */
export function endsInGroup(data: SignatureData): boolean {
  switch (data.kind) {
    case 'group':
      return true
    case 'chord':
      return endsInGroup(data.body)
    case 'chain': {
      const last = data.steps.at(-1)
      return last !== undefined && endsInGroup(last)
    }
    default:
      return false
  }
}

/** Whether no task is in it, as in a group of an empty list. */
export function isTaskless(data: SignatureData): boolean {
  switch (data.kind) {
    case 'chain':
      return data.steps.every(isTaskless)
    case 'group':
      return Object.values(data.members).every(isTaskless)
    case 'chord':
      return isTaskless(data.header) && isTaskless(data.body)
    default:
      return false
  }
}
