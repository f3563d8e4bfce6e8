import type { ReactNode } from "react";
import { Problem } from "./Problem";
import { Waiting } from "./Waiting";

/** What of a query tells how far it is. */
interface Asked<T> {
  readonly isError: boolean;
  readonly error: unknown;
  readonly data: T | undefined;
  readonly isPending: boolean;
}

interface Props<T> {
  readonly query: Asked<T>;
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
