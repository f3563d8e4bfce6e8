import { useInfiniteQuery } from "@tanstack/react-query";
import { useSession } from "../session/Session";
import type { PathOf } from "./client";
import type { Listed } from "./types";
import type { Reading } from "./useRead";

/** A list that goes on: its first page, and one more each time somebody asks for it (`More`). */
export function useMore<T>(path: PathOf<"get">, reading: Omit<Reading, "enabled"> = {}) {
  const { api, token } = useSession();
  const { params, query, every } = reading;
  const told = useInfiniteQuery({
    queryKey: [path, token, "pages", params, query],
    queryFn: ({ pageParam, signal }) =>
      api.getOwn<Listed<T>>(path, {
        params,
        query: { ...query, "next.pageToken": pageParam },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next?.pageToken || undefined,
    ...(every === undefined ? {} : { refetchInterval: every }),
  });
  return { told, rows: told.data?.pages.flatMap((page) => page.list ?? []) ?? [] };
}
