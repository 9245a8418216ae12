/*
 * Arrays as PostgreSQL reads them. The driver would quote and copy element by element; these three forms are all
 * that the hot calls need, and cost a fraction.
 */

/** Of values that need no quotes: uuids, numbers. */
export function plainArray(values: readonly (string | number | bigint)[]): string {
  return `{${values.join(',')}}`
}

/**
 * Of JSON texts or null.
 *
 * JSON text holds no raw control characters, so JSON's own quoting escapes exactly what an array literal wants
 * escaped: the quote and the backslash.
 */
export function jsonTextArray(texts: readonly (string | null)[]): string {
  let literal = '{'
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index]
    if (index > 0) literal += ','
    literal += text === null || text === undefined ? 'null' : JSON.stringify(text)
  }
  return `${literal}}`
}
