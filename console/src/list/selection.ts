/** Which rows are chosen: by id, over pages; bounded, because each becomes a part of one job. */

export const MOST = 10_000;

export type Chosen<T> = ReadonlyMap<string, T>;

export function toggled<T>(chosen: Chosen<T>, id: string, row: T, on: boolean): Chosen<T> {
  const next = new Map(chosen);
  if (!on) next.delete(id);
  else if (next.size < MOST) next.set(id, row);
  return next;
}

export function allOf<T>(
  chosen: Chosen<T>,
  rows: readonly T[],
  idOf: (row: T) => string,
  on: boolean,
): Chosen<T> {
  const next = new Map(chosen);
  for (const row of rows) {
    if (!on) next.delete(idOf(row));
    else if (next.size < MOST) next.set(idOf(row), row);
  }
  return next;
}

/** What the box in the head of the table shows. */
export function allChosen<T>(chosen: Chosen<T>, rows: readonly T[], idOf: (row: T) => string) {
  return rows.length > 0 && rows.every((row) => chosen.has(idOf(row)));
}
