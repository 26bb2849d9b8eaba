// The time as of which configs are shown, as a field of the page holds it: `2026-11-29T12:00`, in UTC.

export function asOfQuery(text: string): string {
  return text === '' ? '' : `?as_of=${encodeURIComponent(`${text}${text.length === 16 ? ':00' : ''}Z`)}`
}
