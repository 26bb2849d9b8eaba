import { expect, test } from 'vitest'

const COMPONENTS = import.meta.glob<string>('/src/**/*.tsx', { query: '?raw', import: 'default', eager: true })
const MODULES = import.meta.glob<Record<string, string>>('/src/**/*.module.css', { import: 'default', eager: true })
const IMPORT = /import (\w+) from '(\.[^']*\.module\.css)'/g

// Read by a value: a signal's direction, and the tone of a banner.
const BY_VALUE = ['/src/signals/SignalFilters.module.css', '/src/ui/Banner.module.css']

/** Each class of a module that a component reads by its name, as `module class`. */
function uses(): string[] {
  return Object.entries(COMPONENTS).flatMap(([file, source]) => {
    const code = source.replace(IMPORT, '')
    return [...source.matchAll(IMPORT)].flatMap(([, variable, path]) => {
      const module = new URL(path!, `file://${file}`).pathname
      return [...code.matchAll(new RegExp(`\\b${variable}\\.(\\w+)`, 'g'))].map(([, name]) => `${module} ${name}`)
    })
  })
}

const KEYFRAMES = ['breathe', 'sweep']

const defined = Object.entries(MODULES).flatMap(([module, names]) =>
  Object.keys(names)
    .filter((name) => !KEYFRAMES.includes(name))
    .map((name) => `${module} ${name}`),
)

test('every class that a component names is in its module', () => {
  expect(defined.length).toBeGreaterThan(100)
  expect(uses().filter((use) => !defined.includes(use))).toEqual([])
})

test('every class of a module is used', () => {
  const used = new Set(uses())

  const unused = defined.filter((name) => !used.has(name) && !BY_VALUE.includes(name.split(' ')[0]!))

  expect(unused).toEqual([])
})
