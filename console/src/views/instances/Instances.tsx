import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { Link } from "react-router";
import type { AppRow } from "../../api/types";
import { BulkDelete } from "../../list/BulkDelete";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { State } from "../../ui/State";
import { worded } from "../../ui/words";
import { BulkInstances } from "./BulkInstances";

const STATES = [
  "ONLINE",
  "ERROR",
  "HALTED",
  "DOWNLOADING",
  "BOOTING",
  "RESTARTING",
  "PURGING",
  "UNKNOWN",
];
const FILTERS: readonly Filter[] = [
  { name: "namePattern", label: "Name" },
  {
    name: "runState",
    label: "State",
    choices: STATES.map((value) => ({ value, label: worded(value) })),
  },
  { name: "deviceNamePattern", label: "Node" },
  { name: "projectNamePattern", label: "Project" },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<AppRow>[] = [
  {
    title: "Name",
    sort: "name",
    cell: (row) => (
      <Link to={`/instances/${row.id}`}>
        <bdi>{row.name}</bdi>
      </Link>
    ),
  },
  { title: "State", sort: "runState", cell: (row) => <State word={row.runState} /> },
  { title: "App", sort: "appName", cell: (row) => <bdi>{row.appName}</bdi> },
  {
    title: "Node",
    sort: "deviceName",
    cell: (row) => (
      <Link to={`/nodes/${row.deviceId}`}>
        <bdi>{row.deviceName}</bdi>
      </Link>
    ),
  },
  { title: "Project", sort: "projectName", cell: (row) => <bdi>{row.projectName}</bdi> },
];

export function Instances() {
  const [state, setState] = useListState(NAMES);
  const query = useList<AppRow>("/v1/apps/instances/status-config", state);
  const { may } = useSession();
  return (
    <ListView<AppRow>
      title="App instances"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id ?? ""}
      nameOf={(row) => row.name ?? ""}
      {...(may("accessAppInstance", "Execute") || may("accessAppInstance", "Delete")
        ? {
            bulk: (chosen, done) => (
              <>
                <BulkInstances chosen={chosen} done={done} />
                <BulkDelete
                  chosen={chosen}
                  done={done}
                  area="accessAppInstance"
                  path="/v1/apps/instances/id/{id}"
                  nameOf={(row) => row.name ?? ""}
                />
              </>
            ),
          }
        : {})}
      empty={
        <EmptyState headingLevel="h2" titleText="No app runs yet">
          <EmptyStateBody>
            <Link to="/marketplace">Choose one in the marketplace</Link>, and deploy it to your
            nodes.
          </EmptyStateBody>
        </EmptyState>
      }
    />
  );
}
