/** What a list shows, as its address says it: so that every view can be linked and gone back to. */
import type { Query } from "../api/call";
import type { Listed } from "../api/types";

type Filters = Readonly<Record<string, string>>;

export interface ListState {
  readonly filters: Filters;
  readonly sort: { readonly by: string; readonly down: boolean } | undefined;
  readonly page: number;
  readonly size: number;
  /** Where this page begins, of a list to whose beginning rows are added all the time. */
  readonly from?: string | undefined;
}

export const SIZES: readonly number[] = [20, 50, 100, 500];
const SIZE = 50;
const MOST_TEXT = 1000;

/**
 * `names` are the filters that a list has; anything else in the address is not of it.  `usual` are
 * those that hold unless the address says otherwise.
 */
export function readState(
  params: URLSearchParams,
  names: readonly string[],
  usual: Filters = {},
): ListState {
  const filters: Record<string, string> = {};
  for (const name of names) {
    const text = params.get(name) ?? usual[name];
    const none = text === "all" && name in usual; // as addresses had it once
    if (text && !none) filters[name] = text.slice(0, MOST_TEXT);
  }
  const [by = "", way = ""] = (params.get("sort") ?? "").split(":");
  return {
    filters,
    sort: by ? { by, down: way === "desc" } : undefined,
    page: whole(params.get("page"), 1),
    size: SIZES.includes(Number(params.get("size"))) ? Number(params.get("size")) : SIZE,
    from: params.get("from") || undefined,
  };
}

function whole(text: string | null, otherwise: number): number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : otherwise;
}

/** The address of a state; what is as usual stands in no address. */
export function writeState(state: ListState, usual: Filters = {}): URLSearchParams {
  const params = new URLSearchParams();
  for (const name of new Set([...Object.keys(state.filters), ...Object.keys(usual)])) {
    const text = state.filters[name] ?? "";
    if (text !== (usual[name] ?? "")) params.set(name, text);
  }
  if (state.sort) params.set("sort", `${state.sort.by}:${state.sort.down ? "desc" : "asc"}`);
  if (state.page > 1) params.set("page", String(state.page));
  if (state.size !== SIZE) params.set("size", String(state.size));
  if (state.from) params.set("from", state.from);
  return params;
}

/**
 * The address after a change, from the one that stands there now: what is shown was rendered from
 * an earlier one while a change before is not rendered yet.
 */
export function changedAt(
  search: string,
  names: readonly string[],
  change: (state: ListState) => ListState,
  usual: Filters = {},
): URLSearchParams {
  return writeState(change(readState(new URLSearchParams(search), names, usual)), usual);
}

/** As `changedAt`, for one filter of a page that is no such list. */
export function filteredAt(search: string, name: string, value: string): URLSearchParams {
  const params = new URLSearchParams(search);
  if (value) params.set(name, value);
  else params.delete(name);
  return params;
}

/** Another filter begins at the first page again. */
export function filtered(state: ListState, name: string, value: string): ListState {
  const { [name]: _before, ...rest } = state.filters;
  return atFirst({ ...state, filters: value ? { ...rest, [name]: value } : rest });
}

/** Up, down, and back to the usual order. */
export function sorted(state: ListState, by: string): ListState {
  if (state.sort?.by !== by) return atFirst({ ...state, sort: { by, down: false } });
  return atFirst({ ...state, sort: state.sort.down ? undefined : { by, down: true } });
}

export const atFirst = (state: ListState): ListState => ({ ...state, page: 1, from: undefined });

/** Another page; the next one of a list without an end goes on behind the last row of this one. */
export function turned(state: ListState, page: number, shown?: Listed<unknown>): ListState {
  const next = shown?.totalCount === undefined && page === state.page + 1;
  return { ...state, page, from: (next && shown?.next?.pageToken) || undefined };
}

/** How many rows there are; undefined: there are more, and nobody counts them. */
export function counted(state: ListState, shown?: Listed<unknown>): number | undefined {
  if (shown?.totalCount !== undefined) return shown.totalCount;
  if (shown?.next?.pageToken) return undefined;
  const rows = shown?.list?.length ?? 0;
  return rows && (state.page - 1) * state.size + rows;
}

/** As the API is asked. */
export function asked(state: ListState): Query {
  return {
    ...state.filters,
    "next.pageSize": state.size,
    "next.pageNum": state.page,
    ...(state.from ? { "next.pageToken": state.from } : {}),
    ...(state.sort
      ? { "next.orderBy": `${state.sort.by}:${state.sort.down ? "desc" : "asc"}` }
      : {}),
  };
}
