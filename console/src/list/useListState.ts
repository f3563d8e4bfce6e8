import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { type ListState, readState, writeState } from "./state";

/** The state of the list in the address, and how it is changed; typing makes no history. */
export function useListState(
  names: readonly string[],
): readonly [ListState, (state: ListState, replace?: boolean) => void] {
  const [params, setParams] = useSearchParams();
  const key = names.join(" ");
  const state = useMemo(() => readState(params, key.split(" ")), [params, key]);
  const set = useCallback(
    (to: ListState, replace = false) => setParams(writeState(to), { replace }),
    [setParams],
  );
  return [state, set];
}
