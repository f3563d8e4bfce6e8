/**
 * The page may load from where it stands and from nowhere else, and runs no script or style that
 * stands in it: so nothing is inlined, and a worker is a file of its own.
 */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { DECIDES, lean } from "./vite/lean.ts";
import { sheetsByAll } from "./vite/named.ts";

const sheets = sheetsByAll(DECIDES);

export default defineConfig({
  plugins: [react(), lean(), sheets.plugin],
  base: "/",
  build: {
    outDir: "../src/eaves/console/dist",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    rolldownOptions: { output: { assetFileNames: sheets.nameOf } },
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200, // kB, of the map; make bench NAME=console-size has the limits
  },
  worker: { format: "es" },
  server: {
    proxy: { "/api": { target: "https://localhost:9443", secure: false, changeOrigin: true } },
  },
  test: { include: ["{src,vite}/**/*.test.ts"], environment: "node", isolate: false },
});
