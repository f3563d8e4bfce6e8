import { Link } from "react-router";
import type { Job } from "../../api/types";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { Age } from "../../ui/Age";
import { State } from "../../ui/State";
import { worded } from "../../ui/words";

const STATES = ["READY", "INPROGRESS", "COMPLETED", "FAILED", "ABORTED"];
const FILTERS: readonly Filter[] = [
  { name: "namePattern", label: "Name" },
  {
    name: "jobStatus",
    label: "State",
    choices: STATES.map((value) => ({ value, label: worded(value) })),
  },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<Job>[] = [
  {
    title: "Name",
    sort: "name",
    cell: (row) => (
      <Link to={`/jobs/${row.id}`}>
        <bdi>{row.name}</bdi>
      </Link>
    ),
  },
  { title: "State", cell: (row) => <State word={row.status} /> },
  { title: "What", cell: (row) => worded(row.operationType) },
  { title: "Begun", cell: (row) => <Age at={row.startTime} /> },
  { title: "Ended", cell: (row) => <Age at={row.finishTime} never="not yet" /> },
  { title: "Error", cell: (row) => row.errorDetailOfJob },
];

export function Jobs() {
  const [state, setState] = useListState(NAMES);
  const query = useList<Job>("/v1/jobs", state);
  return (
    <ListView<Job>
      title="Jobs"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id ?? row.name}
      nameOf={(row) => row.name}
      empty={<p>Nothing was done to many objects at once yet.</p>}
    />
  );
}
