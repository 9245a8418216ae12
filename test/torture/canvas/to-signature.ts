import type { Drawing, DrawnGroup, DrawnNode } from './drawing.ts'
import { MISSING } from './drawing.ts'

/** The tasks of nodes and of error callbacks. */
export const NODE_TASK = 'node'
export const ERRBACK_TASK = 'tell'

/** A drawing as the JSON of a signature. */
export function toSignature(drawing: Drawing, secret: string): object {
  const convert = (one: Drawing): object => toSignature(one, secret)
  switch (drawing.k) {
    case 'node':
      return {
        ...nodeSignature(drawing, secret),
        ...(drawing.immutable && { immutable: true }),
        ...(drawing.optional && { optional: { value: { v: MISSING } } }),
        ...(drawing.link && { links: [convert(drawing.link)] }),
        ...errbacks(drawing.errback, secret),
      }
    case 'chain':
      return { kind: 'chain', steps: drawing.steps.map(convert), ...errbacks(drawing.errback, secret) }
    case 'group':
      return groupSignature(drawing, convert)
    case 'chord':
      return {
        ...{ kind: 'chord', header: groupSignature(drawing.header, convert), body: convert(drawing.body) },
        ...errbacks(drawing.errback, secret),
      }
  }
}

/** A call of the node's task: what it is given comes first, its own arguments are the last ones. */
export function nodeSignature(node: Pick<DrawnNode, 'mark' | 'way' | 'own'>, secret: string): object {
  return { kind: 'task', task: NODE_TASK, args: [node.mark, node.way, node.own, secret] }
}

function groupSignature(group: DrawnGroup, convert: (one: Drawing) => object): object {
  const { members, allowFailures } = group
  return { kind: 'group', members: members.map(convert), ...(allowFailures && { allowFailures: true }) }
}

function errbacks(mark: string | undefined, secret: string): object {
  if (mark === undefined) return {}
  return { errbacks: [{ kind: 'task', task: ERRBACK_TASK, args: [mark, secret] }] }
}
