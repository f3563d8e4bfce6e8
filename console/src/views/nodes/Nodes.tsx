/** All nodes: filtered, ordered and chosen by the controller's own lists. */
import { Button, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { Link } from "react-router";
import type { NodeRow } from "../../api/types";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { State } from "../../ui/State";
import { worded } from "../../ui/words";
import { BulkNodes } from "./BulkNodes";
import { NewNode } from "./NewNode";

const STATES = [
  "ONLINE",
  "SUSPECT",
  "OFFLINE",
  "ERROR",
  "UNPROVISIONED",
  "PROVISIONED",
  "REBOOTING",
  "BASEOS_UPDATING",
  "MAINTENANCE_MODE",
];
const BULK = ["Update", "Execute", "Delete"] as const;
const FILTERS: readonly Filter[] = [
  { name: "namePattern", label: "Name" },
  {
    name: "runState",
    label: "State",
    choices: STATES.map((value) => ({ value, label: worded(value) })),
  },
  { name: "projectNamePattern", label: "Project" },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<NodeRow>[] = [
  {
    title: "Name",
    sort: "name",
    cell: (row) => (
      <Link to={`/nodes/${row.id}`}>
        <bdi>{row.name}</bdi>
      </Link>
    ),
  },
  { title: "State", sort: "runState", cell: (row) => <State word={row.runState} /> },
  { title: "Project", sort: "projectName", cell: (row) => <bdi>{row.projectName}</bdi> },
  { title: "Version", cell: (row) => versionOf(row) },
  { title: "Apps", cell: (row) => row.appInstCount ?? "0" },
];

const versionOf = (row: NodeRow) =>
  row.swInfo?.find((one) => one.activated)?.shortVersion || row.eveImageName || "–";

export function Nodes() {
  const [state, setState] = useListState(NAMES);
  const query = useList<NodeRow>("/v1/devices/status-config", state);
  const { may } = useSession();
  const changes = BULK.some((verb) => may("accessDevice", verb));
  return (
    <ListView<NodeRow>
      title="Nodes"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id ?? row.name}
      nameOf={(row) => row.name}
      actions={may("accessDevice", "Create") ? <NewNode /> : undefined}
      {...(changes ? { bulk: (chosen, done) => <BulkNodes chosen={chosen} done={done} /> } : {})}
      empty={
        <EmptyState headingLevel="h2" titleText="No nodes yet">
          <EmptyStateBody>
            Make the record of a node, then put its onboarding folder on the machine.
            <Button variant="link" component={(props) => <Link {...props} to="/" />}>
              First steps
            </Button>
          </EmptyStateBody>
        </EmptyState>
      }
    />
  );
}
