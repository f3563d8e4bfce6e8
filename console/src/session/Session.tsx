/** Who is signed in, for everything below; and the form for who is not. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  lazy,
  type ReactNode,
  Suspense,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from "react";
import { call } from "../api/call";
import { Api } from "../api/client";
import { keyOf } from "../api/key";
import type { SignedIn } from "../api/own";
import type { Enterprise, Role, User } from "../api/types";
import { type Area, may, type Verb } from "../rights/rights";
import { Problem } from "../ui/Problem";
import { Waiting } from "../ui/Waiting";
import { ATTENTION } from "../views/overview/first";
import { next } from "./steps";
import { type Held, outermost, Vault } from "./vault";

export interface Session {
  readonly api: Api;
  readonly token: string;
  readonly user: User | undefined;
  readonly role: Role | undefined;
  readonly enterprise: Enterprise | undefined;
  readonly may: (area: Area, verb: Verb) => boolean;
  /** Into an enterprise below; the token of this session is exchanged. */
  readonly enter: (enterpriseId: string) => Promise<void>;
  /** Back to the tenant that this one was entered from; undefined where it was not. */
  readonly leave: (() => void) | undefined;
  readonly signOut: () => Promise<void>;
}

const Current = createContext<Session | undefined>(undefined);
const vault = new Vault();

/** The session of who just came back from a provider of identities. */
export const keep = (held: Held): void => vault.put(held);

/** Its forms are for those who are not in yet. */
const SignIn = lazy(async () => ({ default: (await import("./SignIn")).SignIn }));

const REFRESH_MS = 10 * 60 * 1000;

export function useSession(): Session {
  const session = useContext(Current);
  if (!session) throw new Error("nobody is signed in here");
  return session;
}

export function SessionGate({ children }: { readonly children: ReactNode }) {
  const held = useSyncExternalStore(vault.subscribe, () => vault.held);
  const [asked, setAsked] = useState(held !== undefined);
  useEffect(() => {
    if (!asked) vault.ask().then(() => setAsked(true));
  }, [asked]);
  if (held) return <Within held={held}>{children}</Within>;
  const waiting = <Waiting what="the session" />;
  if (!asked) return waiting;
  return (
    <Suspense fallback={waiting}>
      <SignIn onHeld={(one) => vault.put(one)} />
    </Suspense>
  );
}

function Within({ held, children }: { readonly held: Held; readonly children: ReactNode }) {
  const queries = useQueryClient();
  const { token } = held;
  const api = useMemo(
    () =>
      new Api(
        () => vault.held?.token,
        () => {
          queries.clear();
          vault.drop();
        },
      ),
    [queries],
  );
  useExtended(api, held);
  useEffect(() => {
    if (location.pathname !== "/") return;
    const { path, query } = ATTENTION; // asked for beside the role, not after it
    void queries.prefetchQuery({
      queryKey: keyOf(path, token, {}, query),
      queryFn: ({ signal }) => api.getOwn(path, { query, signal }),
      retry: false,
    });
  }, [queries, api, token]);
  const user = useQuery({
    queryKey: ["/v1/users/self", token],
    queryFn: () => api.get("/v1/users/self"),
  });
  const role = useQuery({
    queryKey: ["/v1/roles/self", token],
    queryFn: () => api.get("/v1/roles/self"),
  });
  const enterprise = useQuery({
    queryKey: ["/v1/enterprises/self", token],
    queryFn: () => api.get("/v1/enterprises/self"),
  });
  const enter = useCallback(
    async (enterpriseId: string) => {
      const answer = await api.postOwn<SignedIn>("/v1/eaves/enterprises/id/{id}/session", {
        params: { id: enterpriseId },
      });
      const step = next(answer);
      if (step?.at !== "in") throw new Error("the controller gave no session in this tenant");
      queries.clear();
      vault.follow(held, { ...step.held, home: held });
    },
    [api, queries, held],
  );
  const { home } = held;
  const leave = useMemo(
    () =>
      home &&
      (() => {
        queries.clear();
        vault.put(home);
      }),
    [home, queries],
  );
  const signOut = useCallback(async () => {
    try {
      // the first of them: those that were entered from it end with it
      await call({ method: "POST", path: "/v1/logout", token: outermost(held).token, body: {} });
    } finally {
      queries.clear();
      vault.clear();
    }
  }, [held, queries]);
  const session = useMemo<Session>(
    () => ({
      api,
      token,
      user: user.data,
      role: role.data,
      enterprise: enterprise.data,
      may: (area, verb) => may(role.data, area, verb),
      enter,
      leave,
      signOut,
    }),
    [api, token, user.data, role.data, enterprise.data, enter, leave, signOut],
  );
  if (role.isError && !role.data)
    return <Problem error={role.error} title="Your role cannot be read" />;
  if (role.isPending) return <Waiting what="what your role may do" />;
  return <Current.Provider value={session}>{children}</Current.Provider>;
}

/** Keep the session while somebody has the page open, up to the end that the controller sets. */
function useExtended(api: Api, held: Held): void {
  useEffect(() => {
    const extend = async () => {
      const answer = (await api.put("/v1/sessions/refresh", { body: {} })) as SignedIn;
      const step = next(answer);
      if (step?.at === "in" && step.held.expires > held.expires)
        vault.follow(held, { ...held, ...step.held });
    };
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") extend().catch(() => undefined); // a 401 ends it
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [api, held]);
}
