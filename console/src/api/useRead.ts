import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useSession } from "../session/Session";
import type { Query } from "./call";
import type { Ok, Params, PathOf } from "./client";
import { keyOf } from "./key";

export interface Reading {
  readonly params?: Params;
  readonly query?: Query;
  /** False while it is not known yet what to ask for, or the role may not. */
  readonly enabled?: boolean;
  /** Milliseconds between readings, for what no event tells. */
  readonly every?: number;
}

/** One answer of the contract, read anew when an event makes it old. */
export function useRead<P extends PathOf<"get">>(
  path: P,
  reading: Reading = {},
): UseQueryResult<Ok<"get", P>> {
  return useReadOwn<Ok<"get", P>>(path, reading);
}

/** As `useRead`, for an operation whose answer the contract does not describe. */
export function useReadOwn<T>(path: PathOf<"get">, reading: Reading = {}): UseQueryResult<T> {
  const { api, token } = useSession();
  const { params, query, enabled = true, every } = reading;
  return useQuery({
    queryKey: keyOf(path, token, params, query),
    queryFn: ({ signal }) => api.getOwn<T>(path, { params, query, signal }),
    enabled,
    ...(every === undefined ? {} : { refetchInterval: every }),
  });
}
