import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { changedAt, type ListState, readState } from "./state";

/**
 * The state of the list in the address, and how it is changed; typing makes no history.  `usual`:
 * the same one at each call.
 */
export function useListState(
  names: readonly string[],
  usual?: Readonly<Record<string, string>>,
): readonly [ListState, (change: (state: ListState) => ListState, replace?: boolean) => void] {
  const [params, setParams] = useSearchParams();
  const key = names.join(" ");
  const state = useMemo(() => readState(params, key.split(" "), usual), [params, key, usual]);
  const set = useCallback(
    (change: (state: ListState) => ListState, replace = false) =>
      setParams(changedAt(window.location.search, key.split(" "), change, usual), { replace }),
    [setParams, key, usual],
  );
  return [state, set];
}
