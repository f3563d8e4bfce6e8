/** An empty tenant: what to do first, in its order, each step done as soon as it is seen to be. */
import { Card, CardBody, CardTitle, ProgressStep, ProgressStepper } from "@patternfly/react-core";
import { Link } from "react-router";
import { useRead } from "../../api/useRead";

export function FirstHour() {
  const page = { query: { "next.pageSize": 1 } };
  const models = useRead("/v1/sysmodels", page);
  const projects = useRead("/v1/projects", page);
  const apps = useRead("/v1/apps", page);
  const steps = [
    { title: "A hardware model", to: "/library/models", done: some(models.data) },
    { title: "A project with its network", to: "/projects", done: some(projects.data) },
    {
      title: "A node: its record, then its onboarding folder or installer image",
      to: "/nodes?new=1",
      done: false,
    },
    { title: "An app from the marketplace", to: "/marketplace", done: some(apps.data) },
  ];
  const next = steps.findIndex((one) => !one.done);
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
              variant={step.done ? "success" : index === next ? "info" : "pending"}
              isCurrent={index === next}
              aria-label={`${step.title}: ${step.done ? "done" : index === next ? "next" : "later"}`}
            >
              <Link to={step.to}>{step.title}</Link>
            </ProgressStep>
          ))}
        </ProgressStepper>
      </CardBody>
    </Card>
  );
}

const some = (listed: { readonly list?: readonly unknown[] } | undefined) =>
  (listed?.list?.length ?? 0) > 0;
