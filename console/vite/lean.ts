/**
 * Takes out of the styles what no page of this console can meet: themes that nobody can choose,
 * parts that no script names, and custom properties that nothing reads.
 *
 * A browser reads every rule before it shows anything, so what is left out is time of each visit.
 */
import postcss, {
  type AtRule,
  type Container,
  type Declaration,
  type Root,
  type Rule,
} from "postcss";
import type { Plugin } from "vite";

/** Sheets that come with a part that is used, for a kind of it that is not. */
const SHEETS = /\/css\/components\/(?:Table\/table-tree-view|Drawer\/drawer)\.css$/;
/** What scripts may name, and this console never chooses. */
const NEVER = [
  /\.pf-v6-theme-(?:felt|glass|high-contrast)\b/,
  /\.pf-v6-icon-set-/,
  // bars at the side, heads that stick, menus in menus, buttons and labels of other looks
  /\.pf-m-(?:docked|text-expanded|hamburger|limit-width|sticky-(?:top|bottom)\b)/,
  /\.pf-m-(?:drilldown|flyout)(?![\w-])/,
  /\.pf-v6-c-button\b.*\.pf-m-(?:display-lg|tertiary|attention|unread|stateful|settings|circle)/,
  /\.pf-v6-c-button\b.*\.pf-m-favorite/,
  /\.pf-v6-c-label\b.*\.pf-m-(?:editable|textarea)/,
  /\.pf-v6-c-card\b.*\.pf-m-(?:selectable|clickable)/,
  // a table becomes a list on a phone, and at no other width; no row is dragged or a favourite
  /\.pf-m-grid(?:-lg|-xl|-2xl)?(?![\w-])/,
  /\.pf-v6-c-table__(?:favorite|draggable|control-row|compound-expansion|column-help|sticky-cell)/,
];
/** What differs by the width of the page, and of all that what is chosen. */
const BY_WIDTH = /-on-(?:sm|md|lg|xl|2xl)\b/;
const CHOSEN = /\.pf-m-(?:display-inline|2-col)-on-md\b/g;
const BLOCK = /\.(pf-v6-[A-Za-z0-9-]+?)(?=__|--|[^A-Za-z0-9_-]|$)/g;
const PROPERTY = /--[A-Za-z0-9_-]+/g;

export function lean(): Plugin {
  return {
    name: "lean-styles",
    apply: "build",
    load: { filter: { id: SHEETS }, handler: () => "/* of a kind that is not used */" },
    generateBundle(_options, bundle) {
      const scripts: string[] = [];
      const sheets = new Map<string, Root>();
      for (const [path, file] of Object.entries(bundle)) {
        if (file.type === "chunk") scripts.push(file.code);
        else if (path.endsWith(".css")) sheets.set(path, postcss.parse(String(file.source)));
      }
      leave([...sheets.values()], scripts.join("\n"));
      for (const [path, sheet] of sheets) {
        const file = bundle[path];
        if (file?.type === "asset") file.source = sheet.toString();
      }
    },
  };
}

/** What the scripts name stays, and all that this needs. */
export function leave(sheets: readonly Root[], scripts: string): void {
  for (const sheet of sheets) {
    sheet.walkRules((rule) => {
      if (!inKeyframes(rule)) without(rule, scripts);
    });
  }
  const read = readProperties(sheets, scripts);
  for (const sheet of sheets) {
    sheet.walkDecls(/^--/, (one) => {
      if (!read.has(one.prop)) taken(one);
    });
  }
}

/** A rule without the selectors that fit nothing; gone where that are all. */
function without(rule: Rule, scripts: string): void {
  const left = rule.selectors.filter((one) => fits(certain(one), scripts));
  if (left.length === 0) taken(rule);
  else if (left.length < rule.selectors.length) rule.selectors = left;
}

function fits(selector: string, scripts: string): boolean {
  if (NEVER.some((one) => one.test(selector))) return false;
  if (BY_WIDTH.test(selector.replace(CHOSEN, ""))) return false;
  return [...selector.matchAll(BLOCK)].every(([, block = ""]) => scripts.includes(block));
}

/** A selector less what may be missing: what it excludes, and what it has a choice of. */
export function certain(selector: string): string {
  let plain = selector;
  for (let before = ""; before !== plain; ) {
    before = plain;
    plain = plain
      .replace(/:not\([^()]*\)/g, "")
      .replace(/\([^()]*,[^()]*\)/g, "")
      .replace(/\(([^(),]*)\)/g, " $1");
  }
  return plain;
}

/** Every custom property that a script names or a style reads, at once or by way of another. */
function readProperties(sheets: readonly Root[], scripts: string): ReadonlySet<string> {
  const needs = new Map<string, string[]>();
  const open = [...(scripts.match(PROPERTY) ?? [])];
  for (const sheet of sheets) {
    sheet.walkDecls((one) => {
      const found = one.value.match(PROPERTY) ?? [];
      if (one.prop.startsWith("--"))
        needs.set(one.prop, [...(needs.get(one.prop) ?? []), ...found]);
      else open.push(...found);
    });
  }
  const read = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (read.has(name)) continue;
    read.add(name);
    open.push(...(needs.get(name) ?? []));
  }
  return read;
}

/** All that decides what is taken out, but the modules themselves. */
export const DECIDES = [
  SHEETS,
  ...NEVER,
  BY_WIDTH,
  CHOSEN,
  leave,
  without,
  fits,
  certain,
  readProperties,
]
  .map(String)
  .join("\n");

const inKeyframes = (rule: Rule) =>
  rule.parent?.type === "atrule" && (rule.parent as AtRule).name.endsWith("keyframes");

/** With what it stands in, if nothing else is in there. */
function taken(node: Rule | Declaration): void {
  let gone: Rule | AtRule | Declaration = node;
  for (;;) {
    const parent = gone.parent as Container | undefined;
    if (!parent || parent.type === "root" || (parent.nodes?.length ?? 0) > 1) break;
    gone = parent as Rule | AtRule;
  }
  gone.remove();
}
