import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// The built files are committed and embedded into the daemon, so their names are fixed
// and a second build of the same source must give the same bytes: no hashes, no source maps.
const NOTICE =
  "/*! Rampart ops page. Contains Svelte, clsx and uPlot, all under the MIT licence: see THIRD_PARTY.txt. */";

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    sourcemap: false,
    assetsDir: "",
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        postBanner: NOTICE,
        entryFileNames: "app.js",
        assetFileNames: "app[extname]",
        codeSplitting: false,
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
