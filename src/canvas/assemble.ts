import { CeleriacError } from '../base/errors.ts'
import type { StoredError } from '../base/thrown.ts'
import type { Inputs } from '../db/calls/read-inputs.ts'

/**
 * Puts together what a node takes from its parents, as it is stored: the value of its one parent, and for a join the list
 * or the object of its members' values, at every level.
 *
 * @param read - makes a value of a stored one; a codec that is not ours knows nothing of lists of what it has written
 * @throws {CeleriacError} `INPUT_MISSING` when the result of a parent is not kept any more
 */
export function assemble(id: string, inputs: Inputs, read: Read = asStored): unknown {
  const edges = inputs.edges.get(id) ?? []
  const [first] = edges
  if (first === undefined) return inputs.kinds[id] === 'object' ? {} : inputs.kinds[id] === 'list' ? [] : null
  if (first.name !== null) {
    return Object.fromEntries(edges.map((edge) => [edge.name ?? '', inputOf(id, edge, inputs, read)]))
  }
  return first.position === null
    ? inputOf(id, first, inputs, read)
    : edges.map((edge) => inputOf(id, edge, inputs, read))
}

type Read = (stored: unknown, tagged: boolean) => unknown

const asStored: Read = (stored) => stored

type Edge = NonNullable<ReturnType<Inputs['edges']['get']>>[number]

function inputOf(child: string, edge: Edge, inputs: Inputs, read: Read): unknown {
  if (edge.state === 'succeeded') {
    // JSON has no nothing: what was not returned is null for whoever takes it.
    if (edge.join !== null) return assemble(edge.join, inputs, read)
    return edge.empty ? null : read(edge.value, false)
  }
  if (edge.state === null || !edge.either) {
    throw new CeleriacError('INPUT_MISSING', { jobId: child, parentId: edge.parent })
  }
  return edge.fallback === null ? read({ $error: errorOf(edge.error) }, true) : read(edge.fallback[0], false)
}

/** As our own codec writes an error. */
function errorOf(error: unknown): StoredError {
  const { name, message, ...rest } = (error ?? {}) as Partial<StoredError>
  return { ...rest, name: name ?? 'Error', message: message ?? 'failed' }
}
