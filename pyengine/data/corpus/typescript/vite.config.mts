/// <reference types="vitest" />
import { fileURLToPath, URL } from 'node:url'
import { readFileSync } from 'node:fs'
import { defineConfig, loadEnv, type Plugin, type UserConfig } from 'vite'
import vue from '@vitejs/plugin-vue'
import { VitePWA } from 'vite-plugin-pwa'
import { visualizer } from 'rollup-plugin-visualizer'

const pkg = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf-8')) as {
  version: string
}

/**
 * Lets `import text from './terms.md?plain'` give the text without its markup, for the e-mails.
 */
function plainMarkdown(): Plugin {
  return {
    name: 'plain-markdown',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('.md?plain')) return null
      const plain = code
        .replace(/^#+\s*/gm, '')
        .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
        .replace(/[*_`]/g, '')
      return { code: `export default ${JSON.stringify(plain)}`, map: null }
    },
  }
}

export default defineConfig(({ mode, command }): UserConfig => {
  const env = loadEnv(mode, process.cwd(), 'TRAM_')
  const backend = env.TRAM_BACKEND || 'http://127.0.0.1:9000'

  if (command === 'build' && !env.TRAM_MAP_KEY) {
    throw new Error('TRAM_MAP_KEY is not set; the map would stay grey in production')
  }

  return {
    envPrefix: 'TRAM_',
    define: {
      __VERSION__: JSON.stringify(pkg.version),
      __BUILT__: JSON.stringify(new Date().toISOString()),
    },
    plugins: [
      vue({ template: { compilerOptions: { isCustomElement: (tag) => tag.startsWith('map-') } } }),
      plainMarkdown(),
      VitePWA({
        registerType: 'prompt',
        workbox: {
          globPatterns: ['**/*.{js,css,html,woff2}'],
          runtimeCaching: [
            {
              // timetables change at midnight; tiles hardly ever
              urlPattern: ({ url }) => url.pathname.startsWith('/api/timetable'),
              handler: 'NetworkFirst',
              options: { cacheName: 'timetable', expiration: { maxAgeSeconds: 86_400 } },
            },
            { urlPattern: /\/tiles\//, handler: 'CacheFirst', options: { cacheName: 'tiles' } },
          ],
        },
      }),
      mode === 'analyse' && visualizer({ open: true, gzipSize: true }),
    ],
    resolve: { alias: { '~': fileURLToPath(new URL('./src', import.meta.url)) } },
    server: {
      port: 5180,
      strictPort: true,
      proxy: { '/api': { target: backend, rewrite: (path) => path.replace(/^\/api/, '') } },
    },
    build: {
      target: 'es2020',
      sourcemap: mode !== 'production',
      rollupOptions: {
        output: { manualChunks: { map: ['leaflet', 'leaflet.markercluster'] } },
      },
    },
    test: {
      environment: 'happy-dom',
      setupFiles: ['./test/setup.ts'],
      coverage: { provider: 'v8', thresholds: { lines: 80 } },
    },
  }
})
