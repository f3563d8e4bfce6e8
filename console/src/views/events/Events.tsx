/** What people did and what nodes told; both ways along the time. */
import { EmptyState } from "@patternfly/react-core";
import type { EventRow } from "../../api/types";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { Age } from "../../ui/Age";
import { State } from "../../ui/State";
import { inWords } from "../../ui/words";

const FILTERS: readonly Filter[] = [
  { name: "search", label: "Words of the description" },
  {
    name: "severity",
    label: "Severity",
    choices: [
      { value: "NOTICE", label: "Notice" },
      { value: "WARNING", label: "Warning" },
      { value: "ERROR", label: "Error" },
    ],
  },
  { name: "resourceNamePattern", label: "Object" },
  { name: "userPattern", label: "User" },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<EventRow>[] = [
  { title: "Severity", cell: (row) => <State word={row.severity} /> },
  { title: "When", sort: "timestamp", cell: (row) => <Age at={row.timestamp} /> },
  { title: "What", cell: (row) => <bdi>{inWords(row.description)}</bdi> },
  { title: "Node", cell: (row) => <bdi>{row.device}</bdi> },
  { title: "Project", cell: (row) => <bdi>{row.project}</bdi> },
  { title: "User", cell: (row) => <bdi>{row.user}</bdi> },
];

export function Events() {
  const [state, setState] = useListState(NAMES);
  const query = useList<EventRow>("/v1/events", state);
  return (
    <ListView<EventRow>
      title="Events"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id ?? `${row.timestamp}${row.description}`}
      nameOf={(row) => row.description ?? ""}
      empty={<EmptyState variant="sm" headingLevel="h2" titleText="No events yet" />}
    />
  );
}
