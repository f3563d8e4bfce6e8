import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem } from "./Problem";
import { Waiting } from "./Waiting";

interface Props<T> {
  readonly query: UseQueryResult<T>;
  readonly what: string;
  readonly children: (data: T) => ReactNode;
}

/** What an answer shows; before it is there, and when it is refused. */
export function Answer<T>({ query, what, children }: Props<T>) {
  return (
    <>
      {query.isError && <Problem error={query.error} />}
      {query.data !== undefined ? children(query.data) : query.isPending && <Waiting what={what} />}
    </>
  );
}
