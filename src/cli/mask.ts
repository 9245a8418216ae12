/** Hides passwords in a text that may name a database: in URLs, in their queries and in `password=…`. */
export function mask(text: string): string {
  return text
    .replace(/\b([a-z][\w+.-]*:\/\/[^\s:@/]*):\S*@/gi, '$1:***@')
    .replace(/\b(password=)(?:'[^']*'|[^&\s'"]+)/gi, '$1***')
}
