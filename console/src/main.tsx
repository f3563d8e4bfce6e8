import "@patternfly/react-core/dist/styles/base.css";
import "./console.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";
import { Refused } from "./api/call";
import { router } from "./router";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchInterval: 60_000, // what no event tells: figures that devices report
      retry: (failures, error) =>
        failures < 3 && error instanceof Refused && (error.status === 0 || error.status >= 500),
    },
  },
});

const place = document.getElementById("console");
if (!place) throw new Error("index.html has no #console");
createRoot(place).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
