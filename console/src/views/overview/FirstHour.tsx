/** An empty tenant: what to do first, in its order, each step done as soon as it is seen to be. */
import { Card, CardBody, CardTitle, ProgressStep, ProgressStepper } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useRead, useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import type { Here } from "../nodes/folder";
import { type Step, stepsOf } from "./steps";

/** `nodes`: how many records of nodes there are. */
export function FirstHour({ nodes }: { readonly nodes: number }) {
  const { may } = useSession();
  const page = { query: { "next.pageSize": 1 } };
  const models = useRead("/v1/sysmodels", page);
  const projects = useRead("/v1/projects", page);
  const netinsts = useRead("/v1/netinsts/status", page);
  const apps = useRead("/v1/apps", { ...page, enabled: may("accessEdgeApp", "Read") });
  const steps = stepsOf({
    models: some(models.data),
    projects: some(projects.data),
    nodes: nodes > 0,
    netinsts: some(netinsts.data),
    app: apps.data?.list?.[0]?.id,
  });
  return (
    <Card>
      <CardTitle component="h1">Begin here</CardTitle>
      <CardBody>
        <ProgressStepper isVertical aria-label="First steps">
          {steps.map((step, index) => (
            <ProgressStep
              key={step.title}
              id={`first-${index}`}
              titleId={`first-${index}-title`}
              variant={VARIANTS[step.standing]}
              isCurrent={step.standing === "next"}
              aria-label={`${step.title}: ${step.standing}`}
              {...about(step)}
            >
              <Link to={step.to}>{step.title}</Link>
            </ProgressStep>
          ))}
        </ProgressStepper>
      </CardBody>
    </Card>
  );
}

const VARIANTS = { done: "success", next: "info", later: "pending" } as const;

const some = (listed: { readonly list?: readonly unknown[] } | undefined) =>
  (listed?.list?.length ?? 0) > 0;

/** Of the step that is next: how it can be done. */
function about({ standing, about: text, simulated }: Step): { description?: ReactNode } {
  if (standing !== "next") return {};
  return {
    description: (
      <>
        {text}
        {simulated && <Simulated />}
      </>
    ),
  };
}

/** Without a machine at hand: one that is played, by whoever has the command line. */
function Simulated() {
  const here = useReadOwn<Here>("/v1/eaves/controller");
  if (!here.data) return null;
  return (
    <>
      {" "}
      No machine at hand? Where the command line is signed in,{" "}
      <code>eaves fleet run --devices 1 --server {here.data.deviceServer}</code> plays one: a node
      that onboards, attests and reports, and runs apps in name.
    </>
  );
}
