/** The text with a line feed at the end of each line, whatever there was. (An expression takes three times as long.) */
export function withLineFeeds(text: string): string {
  if (!text.includes('\r')) return text
  const rest = text.includes('\r\n') ? text.split('\r\n').join('\n') : text
  return rest.includes('\r') ? rest.split('\r').join('\n') : rest
}
