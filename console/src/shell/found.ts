/** What the palette found, best first: pages, then nodes, then app instances. */

export interface Found {
  readonly to: string;
  readonly title: string;
  readonly group: string;
}

export const PAGES = "Pages";

/**
 * What Enter goes to: the first of all that fits.  Pages stand first and are known at once; among
 * the others it is known when all are there, whichever answer came first.
 */
export function meant(found: readonly Found[], complete: boolean): Found | undefined {
  const first = found[0];
  return complete || first?.group === PAGES ? first : undefined;
}
