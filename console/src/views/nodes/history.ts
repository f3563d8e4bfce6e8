/** What became of the updates of a node, as its events tell it. */
import type { EventRow } from "../../api/types";

/** Each is asked for by itself: the lists of events narrow to one type. */
export const UPDATE_EVENTS = [
  "EDGE_NODE_UPDATE",
  "EDGE_NODE_UPDATE_DONE",
  "EDGE_NODE_UPDATE_FAILED",
] as const;

type Page = { readonly list?: readonly EventRow[]; readonly more: boolean };

/** The newest first. Where a page goes on, nothing older than its end is told: it would have gaps. */
export function history(pages: readonly Page[]): readonly EventRow[] {
  const since = Math.max(0, ...pages.flatMap((page) => (page.more ? [oldest(page)] : [])));
  return pages
    .flatMap((page) => page.list ?? [])
    .filter((one) => at(one) >= since)
    .sort((a, b) => at(b) - at(a));
}

const at = (one: EventRow): number => Date.parse(one.timestamp ?? "") || 0;

const oldest = (page: Page): number => Math.min(...(page.list ?? []).map(at));

/** The description without the name of the node, on whose page it stands. */
export function withoutName(description: string | undefined, name: string | undefined): string {
  const start = `device ${name}: `;
  const text = description ?? "";
  return name && text.startsWith(start) ? text.slice(start.length) : text;
}
