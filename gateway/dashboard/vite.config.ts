/// <reference types="vitest/config" />

import react from '@vitejs/plugin-react'
import { defineConfig, loadEnv } from 'vite'

// What the gateway answers itself. `tests/gateway/test_dashboard_proxy.py` compares it with its routes.
const GATEWAY_ROUTES = ['/api', '/backtest', '/refdata', '/health', '/metrics', '/docs', '/redoc', '/openapi.json']

// What many parts share comes in one file, what is small and shared by some in another: on its own
// each module would be a request. Wider groups make a page wait for more than it may.
const SHARED = /[\\/]src[\\/](ui|lib|live)[\\/]/
const GROUPS = [
  { name: 'common', test: SHARED, minShareCount: 7 },
  { name: 'small', test: SHARED, minShareCount: 3, maxModuleSize: 700 },
]

// The gateway's policy allows only files of its own: nothing is inlined, nothing comes from
// elsewhere. `npm run dev` asks the gateway at DASHBOARD_GATEWAY, by default the one of `deploy/run`.
export default defineConfig(({ mode }) => {
  const target = loadEnv(mode, '.', 'DASHBOARD_')['DASHBOARD_GATEWAY'] ?? 'http://127.0.0.1:8080'
  const proxy = Object.fromEntries(GATEWAY_ROUTES.map((route) => [route, { target, ws: route === '/api' }]))
  return {
    plugins: [react()],
    build: {
      assetsInlineLimit: 0,
      cssCodeSplit: false, // 65 kB of all pages
      modulePreload: { polyfill: false },
      target: 'es2023',
      rolldownOptions: { output: { codeSplitting: { groups: GROUPS } } },
    },
    css: { transformer: 'lightningcss', lightningcss: { drafts: { customMedia: true } } },
    server: { proxy },
    test: { css: { include: [/\.module\.css$/] } },
  }
})
