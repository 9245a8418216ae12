const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

const WIDE =
  /\p{Emoji_Presentation}|\uFE0F|[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]/u
const INVISIBLE = /^[\p{Mark}\p{Control}\p{Format}]+$/u

/** Columns that a text without escape codes takes on a terminal. */
export function textWidth(text: string): number {
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment)
  return width
}

/** Makes a text exactly `width` columns wide: cut with an ellipsis, or filled with spaces. */
export function fitWidth(text: string, width: number): string {
  const clean = printable(text)
  const missing = width - textWidth(clean)
  if (missing >= 0) return clean + ' '.repeat(missing)
  let [kept, used] = ['', 0]
  for (const { segment } of graphemes.segment(clean)) {
    const next = graphemeWidth(segment)
    if (used + next > width - 1) break
    kept += segment
    used += next
  }
  return width <= 0 ? '' : `${kept}…${' '.repeat(width - 1 - used)}`
}

/** Titles and errors come out of files; nothing in them may steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Control}\u2028\u2029\u202A-\u202E\u2066-\u2069]+/gu, ' ').trim()
}

function graphemeWidth(segment: string): number {
  if (INVISIBLE.test(segment)) return 0
  return WIDE.test(segment) ? 2 : 1
}
