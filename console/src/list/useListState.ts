import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { changedAt, type ListState, readState } from "./state";

/** The state of the list in the address, and how it is changed; typing makes no history. */
export function useListState(
  names: readonly string[],
): readonly [ListState, (change: (state: ListState) => ListState, replace?: boolean) => void] {
  const [params, setParams] = useSearchParams();
  const key = names.join(" ");
  const state = useMemo(() => readState(params, key.split(" ")), [params, key]);
  const set = useCallback(
    (change: (state: ListState) => ListState, replace = false) =>
      setParams(changedAt(window.location.search, key.split(" "), change), { replace }),
    [setParams, key],
  );
  return [state, set];
}
