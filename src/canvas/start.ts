import { CeleriacError } from '../base/errors.ts'
import type { JobHandle } from '../job/handle.ts'
import type { CallOptions } from '../task/options.ts'
import type { CanvasBinding } from './binding.ts'
import type { SignatureData } from './data.ts'
import type { GroupHandle } from './group-handle.ts'

/** Enqueues a canvas: all of its jobs or none. */
export async function startCanvas(
  data: SignatureData,
  _open: readonly unknown[],
  _binding: CanvasBinding,
  _options: CallOptions = {},
): Promise<JobHandle | GroupHandle> {
  throw new CeleriacError('CANVAS_INVALID', { path: data.kind, problem: 'cannot be started yet' })
}
