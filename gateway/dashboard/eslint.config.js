import js from '@eslint/js'
import reactHooks from 'eslint-plugin-react-hooks'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

// The walls of the house: what each room may import. Nothing but `app` knows two pages.
const ROOMS = {
  lib: [],
  ui: ['lib'],
  live: ['lib', 'ui'],
  signals: ['lib', 'ui', 'live'],
  analysis: ['lib', 'ui', 'live'],
  now: ['lib', 'ui', 'live'],
  challenges: ['lib', 'ui', 'live'],
  performance: ['lib', 'ui', 'live'],
  research: ['lib', 'ui', 'live'],
  settings: ['lib', 'ui'],
  models: ['lib', 'ui', 'live'],
  operator: ['lib', 'ui', 'live'],
}

const walls = Object.entries(ROOMS).map(([room, open]) => {
  const closed = ['app', ...Object.keys(ROOMS)].filter((other) => other !== room && !open.includes(other))
  return {
    files: [`src/${room}/**`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(${closed.join('|')})/`,
              message: `${room} imports ${open.join(', ') || 'no other room'} (see ROOMS in eslint.config.js).`,
            },
          ],
        },
      ],
    },
  }
})

export default defineConfig(
  { ignores: ['dist', 'src/contract.ts'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-base-to-string': 'off', // requests and results are free JSON, shown as it is
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  reactHooks.configs.flat['recommended-latest'],
  {
    rules: {
      'react-hooks/exhaustive-deps': 'error',
      'react-hooks/set-state-in-effect': 'off', // clocks begin with the time of the moment
    },
  },
  ...walls,
)
