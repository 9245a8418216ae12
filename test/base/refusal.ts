import { CeleriacError, type ErrorCode } from '../../src/base/errors.ts'

/** What `act` is refused with, as the two things users see. */
export function refusal(act: () => unknown): { code: ErrorCode; message: string } {
  try {
    act()
  } catch (error) {
    if (error instanceof CeleriacError) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('nothing was refused')
}
