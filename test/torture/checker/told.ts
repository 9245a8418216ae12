import type { Check, Evidence, Violation } from './evidence.ts'

/** What Node says of a program that is not in order. */
const COMPLAINTS =
  /UnhandledPromiseRejection|unhandledRejection|MaxListenersExceeded|TimeoutOverflow|PG_INVALID_DATE|DeprecationWarning|uncaughtException|\(node:\d+\) \w*Warning/

/** Events after which somebody has to say something. */
const MOST_LINES_A_SECOND = 50

/** I15: faults are told, secrets are not, and no process is warned or surprised. */
export const told: Check = ({ entries, printed, secrets }) => {
  const violations: Violation[] = []
  const violate = (kind: string, what: string): void => void violations.push({ invariant: 'I15', kind, what })
  for (const { by, stream, text } of printed) {
    for (const secret of secrets) {
      if (text.includes(secret)) violate('secret told', `${by} printed "${secret.slice(0, 10)}…"`)
    }
    const [complaint] = COMPLAINTS.exec(text) ?? []
    if (complaint !== undefined) violate('complaint', `${by}: ${complaint}: ${lineAround(text, complaint)}`)
    else if (stream === 'err' && text.trim() !== '') violate('noise', `${by}: ${text.trim().slice(0, 200)}`)
    if (stream !== 'out') continue
    const lines = text.split('\n').filter((line) => line !== '')
    // A kill tears the last one.
    const bad = lines.slice(0, -1).find((line) => !isRecord(line))
    if (bad !== undefined) violate('unstructured', `${by}: ${bad.slice(0, 120)}`)
    const worst = mostInASecond(lines)
    if (worst > MOST_LINES_A_SECOND)
      violate('log storm', `${by} wrote ${worst} lines within a second about the same`)
  }
  const rescued = entries.some(({ e }) => e === 'rescued')
  const lines = printed.some(({ text }) => text.includes('rescued'))
  if (rescued && !lines) violate('untold', 'jobs were rescued and no log says so')
  return violations
}

/** Lines of the same message in the worst second; those about single jobs are as many as the jobs. */
function mostInASecond(lines: readonly string[]): number {
  const counts = new Map<string, number>()
  let most = 0
  for (const line of lines) {
    if (!isRecord(line) || line.includes('"jobId"')) continue
    const { time, msg } = JSON.parse(line) as { time?: number; msg?: string }
    const key = `${Math.floor((time ?? 0) / 1_000)} ${msg}`
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    most = Math.max(most, count)
  }
  return most
}

function isRecord(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}

function lineAround(text: string, part: string): string {
  return (
    text
      .split('\n')
      .find((line) => line.includes(part))
      ?.slice(0, 200) ?? ''
  )
}

/** Times the server had to break a deadlock, as its log tells. */
export function deadlocksIn(printed: Evidence['printed']): number {
  return printed.reduce((sum, { text }) => sum + (text.match(/deadlock detected/g)?.length ?? 0), 0)
}
