/** Incidents: what an alert rule saw, since when, whether it is over, and who took care of it. */
import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { CheckCircleIcon } from "@patternfly/react-icons";
import { Link } from "react-router";
import type { Incident } from "../../api/own";
import { type Column, type Filter, ListView } from "../../list/ListView";
import type { Chosen } from "../../list/selection";
import { atFirst } from "../../list/state";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Do } from "../../ui/Do";
import { named } from "../../ui/named";
import { State } from "../../ui/State";
import { inWords } from "../../ui/words";
import { byKnown } from "./known";

const NAMED = 10;
const USUAL: Readonly<Record<string, string>> = { open: "true" };
const FILTERS: readonly Filter[] = [
  {
    name: "open",
    label: "Which",
    choices: [
      { value: "true", label: "Open" },
      { value: "false", label: "Ended" },
    ],
  },
  {
    name: "severity",
    label: "Severity",
    choices: [
      { value: "ERROR", label: "Error" },
      { value: "WARNING", label: "Warning" },
      { value: "NOTICE", label: "Notice" },
    ],
  },
  {
    name: "acknowledged",
    label: "Acknowledged",
    choices: [
      { value: "false", label: "Not yet" },
      { value: "true", label: "By somebody" },
    ],
  },
  { name: "deviceNamePattern", label: "Node" },
  { name: "ruleNamePattern", label: "Rule" },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<Incident>[] = [
  { title: "Severity", sort: "severity", cell: (row) => <State word={row.severity} /> },
  {
    title: "About",
    sort: "deviceName",
    cell: (row) =>
      row.deviceId ? (
        <Link to={`/nodes/${row.deviceId}`}>
          <bdi>{row.deviceName || row.objectName}</bdi>
        </Link>
      ) : (
        <bdi>{row.objectName}</bdi>
      ),
  },
  { title: "What was seen", cell: (row) => inWords(row.text) },
  { title: "Rule", sort: "ruleName", cell: (row) => <bdi>{row.ruleName}</bdi> },
  { title: "Since", sort: "openedAt", cell: (row) => <Age at={row.openedAt} /> },
  {
    title: "Ended",
    sort: "closedAt",
    cell: (row) =>
      row.closedAt ? (
        <>
          <Age at={row.closedAt} />: {row.closedWhy}
        </>
      ) : (
        "not yet"
      ),
  },
  {
    title: "Acknowledged",
    sort: "acknowledgedAt",
    cell: (row) =>
      row.acknowledged ? (
        <>
          <bdi>{row.acknowledgedBy}</bdi>, <Age at={row.acknowledgedAt} />
        </>
      ) : (
        "not yet"
      ),
  },
];

const nameOf = (row: Incident) => `${row.ruleName}: ${row.deviceName || row.objectName}`;

export function Alerts() {
  const [state, setState] = useListState(NAMES, USUAL);
  const query = useList<Incident>("/v1/eaves/incidents", state);
  const { may } = useSession();
  return (
    <ListView<Incident>
      title="Alerts"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id}
      nameOf={nameOf}
      narrowed={Object.entries(state.filters).some(([name, said]) => said !== USUAL[name])}
      {...(may("accessDevice", "Update")
        ? {
            bulk: (chosen, done) => (
              <Acknowledge
                chosen={chosen}
                done={() => {
                  done();
                  setState(atFirst); // those behind come up where these are no more
                }}
              />
            ),
          }
        : {})}
      empty={
        <EmptyState variant="sm" icon={CheckCircleIcon} headingLevel="h2" titleText="No alerts">
          <EmptyStateBody>
            Alert rules say what is watched; <Link to="/library/alert-rules">look at them</Link>.
          </EmptyStateBody>
        </EmptyState>
      }
    />
  );
}

interface BulkProps {
  readonly chosen: Chosen<Incident>;
  readonly done: () => void;
}

/** All of them by one call. */
function Acknowledge({ chosen, done }: BulkProps) {
  const { api } = useSession();
  const { known, unknown } = byKnown(chosen);
  const put = (rows: readonly Incident[], acknowledged: boolean) =>
    api.putOwn("/v1/ext/incidents/acknowledge", {
      body: { ids: rows.map((one) => one.id), acknowledged },
    });
  const those = (rows: readonly Incident[]) => named(rows.slice(0, NAMED).map(nameOf), rows.length);
  return (
    <>
      {unknown.length > 0 && (
        <Do
          name="Acknowledge"
          consequence={`${those(unknown)}: you take care of it, and nobody else is asked to. It stays open until it is over, which is told as ever.`}
          work={() => put(unknown, true)}
          done={done}
        />
      )}
      {known.length > 0 && (
        <Do
          name="Take back"
          consequence={`${those(known)}: nobody takes care of it, and it needs a person again while it is open.`}
          work={() => put(known, false)}
          done={done}
        />
      )}
    </>
  );
}
