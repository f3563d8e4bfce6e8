/**
 * Signing in at a provider of identities: what is kept while the browser is away, and what ends it.
 *
 * Only the tab that began holds the verifier, so nobody is signed in by an address that somebody else
 * made up.
 */
import { call } from "../api/call";
import type { SignedIn } from "../api/own";

const KEY = "eaves-provider";

interface Begun {
  readonly state: string;
  readonly verifier: string;
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

/** As the controller computes it: SHA-256 of the text, in base64url without padding. */
export async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

/** Leaves this page. */
export async function goToProvider(user: string, enterprise: string): Promise<void> {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const answer = await call<{ readonly redirectUrl?: string; readonly state?: string }>({
    method: "POST",
    path: "/v1/login/external",
    body: {
      usernameAtRealm: user,
      enterpriseName: enterprise,
      challenge: await challengeOf(verifier),
      console: true,
    },
  });
  if (!answer.redirectUrl || !answer.state) throw new Error("the controller names no provider");
  sessionStorage.setItem(KEY, JSON.stringify({ state: answer.state, verifier }));
  location.assign(answer.redirectUrl);
}

export function readBegun(text: string | null): Begun | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    const { state, verifier } = value as Partial<Begun>;
    return typeof state === "string" && typeof verifier === "string"
      ? { state, verifier }
      : undefined;
  } catch {
    return undefined;
  }
}

/** What the provider answered, exchanged for a session.  Once: what was kept is gone after it. */
export async function comeBack(params: URLSearchParams): Promise<SignedIn> {
  const begun = readBegun(sessionStorage.getItem(KEY));
  sessionStorage.removeItem(KEY);
  const error = params.get("error");
  if (error) throw new Error(`the provider refused: ${error}`);
  const state = params.get("state") ?? "";
  if (!begun || begun.state !== state) {
    throw new Error("this sign-in was not begun in this tab; begin again here");
  }
  return call<SignedIn>({
    method: "POST",
    path: "/v1/login/oauth/callback",
    body: { code: params.get("code") ?? "", state, verifier: begun.verifier },
  });
}
