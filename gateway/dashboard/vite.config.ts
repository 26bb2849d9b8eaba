import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The gateway's policy allows only files of its own: nothing is inlined, nothing comes from
// elsewhere. `npm run dev` asks the gateway at its default port.
export default defineConfig({
  plugins: [react()],
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: 'es2023' },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } } },
})
