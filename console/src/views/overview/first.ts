/** What the first view is asked for before all else, and when the rest of it may be. */
import type { PathOf } from "../../api/client";

const PATH: PathOf<"get"> = "/v1/ext/attention";

/** What needs a person: the first of each kind; the lists have all. */
export const ATTENTION = { path: PATH, query: { "next.pageSize": 50 } } as const;

interface Standing {
  readonly data: unknown;
  readonly failureCount: number;
}

/** Whether an answer has come, or one failed that may be tried again for long: nothing waits. */
export const answered = ({ data, failureCount }: Standing): boolean =>
  data !== undefined || failureCount > 0;

const FEW = 3;

/** As long as nothing runs, and of nodes there are no more than somebody tries things with. */
export const isFirstHour = (nodes: number, instances: number | undefined): boolean =>
  nodes === 0 || (instances === 0 && nodes <= FEW);

/** How many there are in all, where each state has a number. */
export const totalOf = (states: Readonly<Record<string, number>>): number =>
  Object.values(states).reduce((sum, count) => sum + count, 0);
