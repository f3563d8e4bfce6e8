/** What somebody may go to next is loaded while the page has nothing else to do. */

export type Load = () => Promise<unknown>;

/** One after the other, each when the page is idle; what does not come is told to who goes there. */
export async function loadAhead(
  loads: Iterable<Load>,
  idle: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (const load of loads) {
    await idle();
    if (signal.aborted) return;
    await load().catch(() => undefined);
  }
}

const LONGEST_MS = 2_000;

/** The next moment without work, or when none has come for long; not every browser tells it. */
export const idle = (): Promise<void> =>
  new Promise((done) => {
    if ("requestIdleCallback" in window)
      window.requestIdleCallback(() => done(), { timeout: LONGEST_MS });
    else setTimeout(done, 100);
  });

/** Whoever pays for what is loaded may have said so. */
export const isSparing = (): boolean =>
  "connection" in navigator &&
  (navigator.connection as { readonly saveData?: boolean }).saveData === true;
