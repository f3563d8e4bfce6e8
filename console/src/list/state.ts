/** What a list shows, as its address says it: so that every view can be linked and gone back to. */
import type { Query } from "../api/call";

export interface ListState {
  readonly filters: Readonly<Record<string, string>>;
  readonly sort: { readonly by: string; readonly down: boolean } | undefined;
  readonly page: number;
  readonly size: number;
}

export const SIZES: readonly number[] = [20, 50, 100, 500];
const SIZE = 50;
const MOST_TEXT = 1000;

/** `names` are the filters that a list has; anything else in the address is not of it. */
export function readState(params: URLSearchParams, names: readonly string[]): ListState {
  const filters: Record<string, string> = {};
  for (const name of names) {
    const text = params.get(name);
    if (text) filters[name] = text.slice(0, MOST_TEXT);
  }
  const [by = "", way = ""] = (params.get("sort") ?? "").split(":");
  return {
    filters,
    sort: by ? { by, down: way === "desc" } : undefined,
    page: whole(params.get("page"), 1),
    size: SIZES.includes(Number(params.get("size"))) ? Number(params.get("size")) : SIZE,
  };
}

function whole(text: string | null, otherwise: number): number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : otherwise;
}

/** The address of a state; what is as usual stands in no address. */
export function writeState(state: ListState): URLSearchParams {
  const params = new URLSearchParams(state.filters);
  if (state.sort) params.set("sort", `${state.sort.by}:${state.sort.down ? "desc" : "asc"}`);
  if (state.page > 1) params.set("page", String(state.page));
  if (state.size !== SIZE) params.set("size", String(state.size));
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
): URLSearchParams {
  return writeState(change(readState(new URLSearchParams(search), names)));
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
  return { ...state, page: 1, filters: value ? { ...rest, [name]: value } : rest };
}

/** Up, down, and back to the usual order. */
export function sorted(state: ListState, by: string): ListState {
  if (state.sort?.by !== by) return { ...state, page: 1, sort: { by, down: false } };
  return { ...state, page: 1, sort: state.sort.down ? undefined : { by, down: true } };
}

/** As the API is asked. */
export function asked(state: ListState): Query {
  return {
    ...state.filters,
    "next.pageSize": state.size,
    "next.pageNum": state.page,
    ...(state.sort
      ? { "next.orderBy": `${state.sort.by}:${state.sort.down ? "desc" : "asc"}` }
      : {}),
  };
}
