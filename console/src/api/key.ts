import type { Query } from "./call";
import type { Params } from "./client";

/** Under what an answer is kept: who asks for the same, asks once. */
export const keyOf = (path: string, token: string, params: Params = {}, query: Query = {}) =>
  [path, token, params, query] as const;
