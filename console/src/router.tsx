/** Every address of the console; what a view needs is loaded when it is gone to. */
import { type ComponentType, Fragment, lazy, type ReactNode, useEffect } from "react";
import { createBrowserRouter, isRouteErrorResponse, useParams, useRouteError } from "react-router";
import { Live } from "./live/Live";
import { SessionGate } from "./session/Session";
import { SignedIn } from "./session/SignedIn";
import { idle, isSparing, type Load, loadAhead } from "./shell/ahead";
import { PARTS } from "./shell/parts";
import { Shell } from "./shell/Shell";
import { Problem } from "./ui/Problem";
import { Overview } from "./views/overview/Overview";

const AHEAD_MS = 500; // what is gone to first is shown by then
const AHEAD = 2; // nodes, and one node: with them comes what all lists and pages share
const views: Load[] = [];

const later = (load: () => Promise<ComponentType>) => {
  views.push(load);
  const View = lazy(async () => ({ default: await load() }));
  return (
    <OfOne>
      <View />
    </OfOne>
  );
};

/** Of another object nothing stays: no dialogue that was opened, no text that was written. */
function OfOne({ children }: { readonly children: ReactNode }) {
  const { kind = "", id = "" } = useParams();
  return <Fragment key={`${kind}/${id}`}>{children}</Fragment>;
}

/** Once somebody is in: what keys open, and the views gone to most with the parts of all others. */
function Ahead() {
  useEffect(() => {
    const end = new AbortController();
    const timer = setTimeout(() => {
      if (!isSparing()) void loadAhead([...PARTS, ...views.slice(0, AHEAD)], idle, end.signal);
    }, AHEAD_MS);
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, []);
  return null;
}

function Broken() {
  const error = useRouteError();
  const missing = isRouteErrorResponse(error) && error.status === 404;
  const told = missing ? new Error("there is no such page; choose one from the navigation") : error;
  return <Problem error={told} title={missing ? "Not found" : "This page broke"} />;
}

export const router = createBrowserRouter([
  { path: "/signed-in", element: <SignedIn />, errorElement: <Broken /> },
  {
    path: "/",
    element: (
      <SessionGate>
        <Live>
          <Shell />
          <Ahead />
        </Live>
      </SessionGate>
    ),
    errorElement: <Broken />,
    children: [
      { index: true, element: <Overview /> },
      { path: "nodes", element: later(async () => (await import("./views/nodes/Nodes")).Nodes) },
      {
        path: "nodes/:id/:tab?",
        element: later(async () => (await import("./views/nodes/Node")).Node),
      },
      {
        path: "instances",
        element: later(async () => (await import("./views/instances/Instances")).Instances),
      },
      {
        path: "instances/:id/:tab?",
        element: later(async () => (await import("./views/instances/Instance")).Instance),
      },
      {
        path: "alerts",
        element: later(async () => (await import("./views/alerts/Alerts")).Alerts),
      },
      {
        path: "events",
        element: later(async () => (await import("./views/events/Events")).Events),
      },
      {
        path: "marketplace",
        element: later(async () => (await import("./views/apps/Marketplace")).Marketplace),
      },
      {
        path: "marketplace/:id/deploy",
        element: later(async () => (await import("./views/apps/FromShelf")).FromShelf),
      },
      { path: "apps", element: later(async () => (await import("./views/apps/Apps")).Apps) },
      {
        path: "apps/:id/deploy",
        element: later(async () => (await import("./views/apps/Deploy")).Deploy),
      },
      {
        path: "apps/:id/:tab?",
        element: later(async () => (await import("./views/apps/App")).App),
      },
      {
        path: "projects",
        element: later(async () => (await import("./views/projects/Projects")).Projects),
      },
      {
        path: "projects/:id",
        element: later(async () => (await import("./views/projects/Project")).Project),
      },
      {
        path: "rollouts",
        element: later(async () => (await import("./views/rollouts/Rollouts")).Rollouts),
      },
      {
        path: "rollouts/:id",
        element: later(async () => (await import("./views/rollouts/Rollout")).Rollout),
      },
      { path: "jobs", element: later(async () => (await import("./views/jobs/Jobs")).Jobs) },
      { path: "jobs/:id", element: later(async () => (await import("./views/jobs/Job")).Job) },
      {
        path: "library/:kind",
        element: later(async () => (await import("./views/library/Library")).Library),
      },
      {
        path: "library/:kind/:id",
        element: later(async () => (await import("./views/library/LibraryObject")).LibraryObject),
      },
      {
        path: "tenants",
        element: later(async () => (await import("./views/access/Tenants")).Tenants),
      },
      { path: "users", element: later(async () => (await import("./views/access/Users")).Users) },
      { path: "roles", element: later(async () => (await import("./views/access/Roles")).Roles) },
      {
        path: "tokens",
        element: later(async () => (await import("./views/access/Tokens")).Tokens),
      },
      { path: "audit", element: later(async () => (await import("./views/access/Audit")).Audit) },
    ],
  },
]);
