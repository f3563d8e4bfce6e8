/**
 * Names of style sheets that change with anything that they are made from.
 *
 * A browser keeps them for ever by their names, and what is taken out of them depends on the scripts
 * as well: so a name has the hash of all modules beside that of its own content.
 */
import type { Plugin } from "vite";

/** `also`: what else decides what they become. */
export function sheetsByAll(also: string) {
  const modules = new Map<string, string>();
  let all = "";
  const plugin: Plugin = {
    name: "sheets-by-all",
    apply: "build",
    transform: (code, id) => {
      modules.set(id, code);
    },
    async renderStart() {
      const read = [...modules].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, code]) => code);
      const text = new TextEncoder().encode([also, ...read].join("\n"));
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
      all = [...digest.slice(0, 4)].map((one) => one.toString(16).padStart(2, "0")).join("");
    },
  };
  const nameOf = ({ names }: { readonly names: readonly string[] }) =>
    names.some((one) => one.endsWith(".css"))
      ? `assets/[name]-[hash]-${all}[extname]`
      : "assets/[name]-[hash][extname]";
  return { plugin, nameOf };
}
