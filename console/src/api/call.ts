/** One call of the REST API, and what it means when it is refused. */
import { early } from "./early";

export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

export interface Reason {
  /** What is wrong: the object, what was seen, the next step. */
  readonly details: string;
  /** The member that it is about; empty when it is about all of the request. */
  readonly location: string;
}

/** The API said no, or did not answer; `status` is 0 when nothing came back. */
export class Refused extends Error {
  readonly status: number;
  readonly reasons: readonly Reason[];
  readonly requestId: string;
  readonly body: unknown;

  constructor(status: number, reasons: readonly Reason[], requestId: string, body: unknown) {
    super(reasons[0]?.details ?? `the controller answered ${status}`);
    this.name = "Refused";
    this.status = status;
    this.reasons = reasons;
    this.requestId = requestId;
    this.body = body;
  }
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `/v1/devices/id/{id}` with what stands in its place; a name may hold any character. */
export function filled(template: string, params: Readonly<Record<string, string>>): string {
  return template.replace(/\{([^}]+)\}/g, (_whole, name: string) => {
    const value = params[name];
    if (value === undefined) throw new Error(`${template}: ${name} is not given`);
    return encodeURIComponent(value);
  });
}

export function queryText(query: Query | undefined): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === "") continue;
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) params.append(name, String(one));
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Every reason of a refusal; the contract has them in `error`, older answers in one message. */
export function reasonsIn(body: unknown, status: number): readonly Reason[] {
  if (isObject(body)) {
    const errors = Array.isArray(body.error) ? body.error : [];
    const found = errors.filter(isObject).flatMap((one) =>
      typeof one.details === "string" && one.details
        ? [
            {
              details: one.details,
              location: typeof one.location === "string" ? one.location : "",
            },
          ]
        : [],
    );
    if (found.length > 0) return found;
    for (const name of ["httpStatusMsg", "message"]) {
      const text = body[name];
      if (typeof text === "string" && text) return [{ details: text, location: "" }];
    }
  }
  return [{ details: `the controller answered ${status} without a reason`, location: "" }];
}

/** Whether a body of success holds an error after all: `zMsgSucess` and `zMsgAccepted` are none. */
export function failedInside(body: unknown): boolean {
  if (!isObject(body) || !Array.isArray(body.error)) return false;
  return body.error
    .filter(isObject)
    .some((one) => one.ec !== "zMsgSucess" && one.ec !== "zMsgAccepted" && Boolean(one.details));
}

const UNREAD = "the controller does not answer; check the network, this page tries again";
const UNKNOWN =
  "the controller did not answer, and whether this was done is not known; check the network, look, and try again";

export async function call<T>(asked: Call): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (asked.token) headers.Authorization = `Bearer ${asked.token}`;
  if (asked.body !== undefined) headers["Content-Type"] = "application/json";
  const path = `${asked.path}${queryText(asked.query)}`;
  let answer: Response;
  try {
    answer = await (begun(asked, path) ??
      fetch(`/api${path}`, {
        method: asked.method,
        headers,
        body: asked.body === undefined ? null : JSON.stringify(asked.body),
        signal: asked.signal ?? null,
        cache: "no-store",
      }));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    const details = asked.method === "GET" ? UNREAD : UNKNOWN;
    throw new Refused(0, [{ details, location: "" }], "", undefined);
  }
  const requestId = answer.headers.get("x-request-id") ?? "";
  const text = await answer.text();
  const body = asJson(text);
  if (!answer.ok || failedInside(body)) {
    throw new Refused(answer.status, reasonsIn(body, answer.status), requestId, body);
  }
  return body as T; // the one place where an answer gets its type: it is that of the contract
}

const begun = ({ method, token }: Call, path: string) =>
  method === "GET" ? early(globalThis.window?.eavesEarly, path, token) : undefined;

function asJson(text: string): unknown {
  if (!text) return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
