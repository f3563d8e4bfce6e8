import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Query } from "../api/call";
import type { PathOf } from "../api/client";
import type { Listed } from "../api/types";
import { useSession } from "../session/Session";
import { asked, type ListState } from "./state";

/**
 * One page of a list; the page before stays until the next one is there.  `every`: milliseconds
 * between readings, for what no event tells.
 */
export function useList<T>(
  path: PathOf<"get">,
  state: ListState,
  more: Query = {},
  every?: number,
) {
  const { api, token } = useSession();
  const query = { ...asked(state), ...more };
  return useQuery({
    queryKey: [path, token, query],
    queryFn: ({ signal }) => api.getOwn<Listed<T>>(path, { query, signal }),
    placeholderData: keepPreviousData,
    ...(every === undefined ? {} : { refetchInterval: every }),
  });
}
