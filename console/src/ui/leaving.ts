/** Which ways off a page lose what is written there. */

interface At {
  readonly pathname: string;
  readonly state?: unknown;
}

/** The state of an address to which somebody goes because the object is no more. */
export const ANYWAY = { anyway: true } as const;

/** Tabs are pages of their own; filters, which stand behind the question mark, are not. */
export const loses = (from: At, to: At): boolean =>
  from.pathname !== to.pathname && !isAnyway(to.state);

const isAnyway = (state: unknown): boolean =>
  typeof state === "object" && state !== null && "anyway" in state;
