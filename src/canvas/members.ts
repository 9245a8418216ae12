import { quote } from '../base/text.ts'

const LONGEST = 200

/** What is wrong with the name of a group's member, or null. */
export function memberNameProblem(name: string): string | null {
  if (name === '') return 'has an empty name'
  if (name === '__proto__') return 'has the name "__proto__", which can change prototypes'
  if (name.length > LONGEST) return `has a name of ${name.length} characters; the limit is ${LONGEST}`
  if (name.includes('\0') || !name.isWellFormed())
    return `has the name ${quote(name)}, which PostgreSQL cannot store`
  return null
}
