type Counts = Readonly<Record<string, number>>;

const MOST = 8;

/** The commonest by their names, the rest as one; what has no name is said to have none. */
export function mostOf(counts: Counts, most = MOST): Counts {
  const sorted = Object.entries(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const rest = sorted.slice(most).reduce((sum, [, count]) => sum + count, 0);
  const shown = sorted.slice(0, most).map(([name, count]) => [name || "none told", count] as const);
  return Object.fromEntries(rest > 0 ? [...shown, ["others", rest] as const] : shown);
}
