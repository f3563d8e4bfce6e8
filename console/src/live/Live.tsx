/** Keeps what is shown as it is: an event makes the answers old that show its object. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import type { StreamEvent } from "../api/own";
import { useSession } from "../session/Session";
import { Renewal } from "./renewal";
import { isStale, stalePaths } from "./stale";
import { follow, type Standing } from "./stream";

const GATHER_MS = 300; // of a burst: one reading in place of many

const Now = createContext<Standing>("away");

export const useStanding = (): Standing => useContext(Now);

export function Live({ children }: { readonly children: ReactNode }) {
  const { token } = useSession();
  const queries = useQueryClient();
  const [standing, setStanding] = useState<Standing>("away");
  useEffect(() => {
    const end = new AbortController();
    const renewal = new Renewal(queries);
    let gathered: StreamEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      const stale = stalePaths(gathered);
      gathered = [];
      timer = undefined;
      renewal.renew((path) => isStale(path, stale));
    };
    const told = {
      events: (events: readonly StreamEvent[]) => {
        gathered.push(...events);
        timer ??= setTimeout(refresh, GATHER_MS);
      },
      missed: () => renewal.renew(() => true),
      standing: setStanding,
    };
    void follow(token, told, end.signal);
    return () => {
      end.abort();
      renewal.end();
      clearTimeout(timer);
    };
  }, [token, queries]);
  return <Now.Provider value={standing}>{children}</Now.Provider>;
}
