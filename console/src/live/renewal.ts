/**
 * Reads anew what is old.  An answer that is on its way may be older than what made it old: it is
 * waited for, so that it is shown however often something changes, and read once more after it came.
 */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

export class Renewal {
  readonly #queries: QueryClient;
  readonly #late = new Set<string>();
  /** To be called when nothing is shown any more. */
  readonly end: () => void;

  constructor(queries: QueryClient) {
    this.#queries = queries;
    this.end = queries.getQueryCache().subscribe(({ type, query }) => {
      if (type === "removed") this.#late.delete(query.queryHash);
      else if (query.state.fetchStatus === "idle" && this.#late.delete(query.queryHash))
        this.#read(query.queryKey);
    });
  }

  /** `isOld` is asked with the path of each answer. */
  renew(isOld: (path: unknown) => boolean): void {
    for (const { queryKey, queryHash, state } of this.#queries.getQueryCache().getAll()) {
      if (!isOld(queryKey[0])) continue;
      if (state.fetchStatus === "idle") this.#read(queryKey);
      else this.#late.add(queryHash);
    }
  }

  /** Now if somebody looks at it, else when somebody does. */
  #read(queryKey: QueryKey): void {
    void this.#queries.invalidateQueries({ queryKey, exact: true });
  }
}
