// A config's content as YAML: what JSON can say, in block style, without anchors and tags.

import { type Content, isMapping } from './diff'

// Words and signs that YAML would read as something else than this text.
const PLAIN = /^[A-Za-z_][\w./ -]*$/
const OTHER_MEANING = /^(true|false|null|yes|no|on|off|y|n)$/i

export function yamlText(content: Content): string {
  return lines(content, '').join('\n') + '\n'
}

function lines(content: Content, indent: string): string[] {
  return Object.entries(content).flatMap(([name, value]) => {
    const key = `${indent}${scalar(name)}:`
    if (isMapping(value) && Object.keys(value).length > 0) return [key, ...lines(value, `${indent}  `)]
    if (Array.isArray(value) && value.length > 0 && value.every((each) => !isMapping(each) && !Array.isArray(each)))
      return [key, ...value.map((each) => `${indent}  - ${scalar(each)}`)]
    return [`${key} ${scalar(value)}`]
  })
}

/** JSON is YAML: whatever is not plain is written as JSON. */
function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  const isPlain = PLAIN.test(value) && !OTHER_MEANING.test(value) && value.trim() === value
  return isPlain ? value : JSON.stringify(value)
}
