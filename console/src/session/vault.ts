/**
 * The token of the session: in this tab, and handed to a new tab of the same browser that asks.
 *
 * It is never in a cookie (no page of somebody else can use it) and never on disk: it ends with the
 * last tab.  A new tab asks the others over a channel that only this origin has.
 */

const KEY = "eaves-session";
const CHANNEL = "eaves-session";
const ASK_MS = 150;

export interface Held {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** The session that this one was entered from, in a tenant above; it ends with that one. */
  readonly home?: Held;
}

type Said =
  | { readonly kind: "ask" }
  | { readonly kind: "told"; readonly held: Held }
  | { readonly kind: "out" };

export function readHeld(text: string | null, now: number): Held | undefined {
  if (!text) return undefined;
  try {
    return heldOf(JSON.parse(text), now);
  } catch {
    return undefined;
  }
}

function heldOf(value: unknown, now: number): Held | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { token, expires, home } = value as Partial<Held>;
  if (typeof token !== "string" || typeof expires !== "number" || expires <= now) return undefined;
  const above = heldOf(home, now);
  return above ? { token, expires, home: above } : { token, expires };
}

export const outermost = (held: Held): Held => (held.home ? outermost(held.home) : held);

/** An answer may come late: whoever signed out meanwhile, or went to another tenant, stays there. */
export const isStill = (now: Held | undefined, asked: Held) => now?.token === asked.token;

export class Vault {
  #held: Held | undefined;
  readonly #channel = new BroadcastChannel(CHANNEL);
  readonly #listeners = new Set<() => void>();

  constructor() {
    this.#held = readHeld(sessionStorage.getItem(KEY), Date.now());
    this.#channel.onmessage = ({ data }: MessageEvent<Said>) => {
      if (data.kind === "ask" && this.#held) this.#say({ kind: "told", held: this.#held });
      else if (data.kind === "told" && !this.#held) this.#keep(data.held);
      else if (data.kind === "out") this.#keep(undefined);
    };
  }

  get held(): Held | undefined {
    return this.#held;
  }

  /** What another tab holds, where this one has nothing. */
  async ask(): Promise<void> {
    if (this.#held) return;
    this.#say({ kind: "ask" });
    await new Promise((done) => setTimeout(done, ASK_MS));
  }

  put(held: Held): void {
    this.#keep(held);
  }

  /** Keeps what an answer gives to who asked with `asked`, unless that session is left by now. */
  follow(asked: Held, held: Held): void {
    if (isStill(this.#held, asked)) this.#keep(held);
  }

  /** Signed out, here and in every tab. */
  clear(): void {
    this.#keep(undefined);
    this.#say({ kind: "out" });
  }

  /** The session ended elsewhere: this tab alone asks to sign in again. */
  drop(): void {
    this.#keep(undefined);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #say(said: Said): void {
    this.#channel.postMessage(said);
  }

  #keep(held: Held | undefined): void {
    this.#held = held;
    if (held) sessionStorage.setItem(KEY, JSON.stringify(held));
    else sessionStorage.removeItem(KEY);
    for (const listener of this.#listeners) listener();
  }
}
