/** Calls of somebody who is signed in; paths and answers are those of the generated contract. */
import { call, filled, type Query, Refused } from "./call";
import type { paths } from "./schema";
import type { Written } from "./types";

type Method = "get" | "put" | "post" | "delete";
type Below<K> = K extends `/api${infer P}` ? P : never;

/** Every path below `/api` that has this method. */
export type PathOf<M extends Method> = {
  [K in keyof paths]: paths[K][M] extends { responses: unknown } ? Below<K> : never;
}[keyof paths];

/** What such a call answers when it succeeds. */
export type Ok<M extends Method, P extends string> = `/api${P}` extends keyof paths
  ? paths[`/api${P}`][M] extends {
      responses: { 200: { content: { "application/json": infer Body } } };
    }
    ? Body
    : never
  : never;

export type Params = Readonly<Record<string, string>>;

export interface Options {
  readonly params?: Params | undefined;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export class Api {
  readonly #token: () => string | undefined;
  readonly #ended: () => void;

  /** `ended` is told when the controller does not know the session any more. */
  constructor(token: () => string | undefined, ended: () => void) {
    this.#token = token;
    this.#ended = ended;
  }

  get<P extends PathOf<"get">>(path: P, options: Options = {}): Promise<Ok<"get", P>> {
    return this.#call("GET", path, options);
  }

  /** An operation of Eaves' own, whose answer the contract does not describe. */
  getOwn<T>(path: PathOf<"get">, options: Options = {}): Promise<T> {
    return this.#call("GET", path, options);
  }

  put(path: PathOf<"put">, options: Options = {}): Promise<Written> {
    return this.#call("PUT", path, options);
  }

  putOwn<T>(path: PathOf<"put">, options: Options = {}): Promise<T> {
    return this.#call("PUT", path, options);
  }

  post(path: PathOf<"post">, options: Options = {}): Promise<Written> {
    return this.#call("POST", path, options);
  }

  postOwn<T>(path: PathOf<"post">, options: Options = {}): Promise<T> {
    return this.#call("POST", path, options);
  }

  remove(path: PathOf<"delete">, options: Options = {}): Promise<Written> {
    return this.#call("DELETE", path, options);
  }

  async #call<T>(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    options: Options,
  ): Promise<T> {
    const token = this.#token();
    try {
      return await call<T>({
        method,
        path: filled(path, options.params ?? {}),
        query: options.query,
        body: options.body,
        signal: options.signal,
        token,
      });
    } catch (error) {
      if (error instanceof Refused && error.status === 401 && token === this.#token())
        this.#ended();
      throw error;
    }
  }
}
