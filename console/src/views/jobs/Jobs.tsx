import { Link } from "react-router";
import type { Job } from "../../api/types";
import { BulkDo } from "../../list/BulkDo";
import { type Column, type Filter, ListView } from "../../list/ListView";
import type { Chosen } from "../../list/selection";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { mayMany } from "../../rights/operations";
import operations from "../../rights/operations.json";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { State } from "../../ui/State";
import { worded } from "../../ui/words";
import { abortable } from "./ended";

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
  { title: "State", sort: "status", cell: (row) => <State word={row.status} /> },
  { title: "What", sort: "operationType", cell: (row) => worded(row.operationType) },
  { title: "Begun", sort: "startTime", cell: (row) => <Age at={row.startTime} /> },
  {
    title: "Ended",
    sort: "finishTime",
    cell: (row) => <Age at={row.finishTime} never="not yet" />,
  },
  { title: "Error", cell: (row) => row.errorDetailOfJob },
];

export function Jobs() {
  const [state, setState] = useListState(NAMES);
  const query = useList<Job>("/v1/jobs", state);
  const { may } = useSession();
  const aborts = Object.keys(operations).some((one) => mayMany(may, one));
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
      {...(aborts ? { bulk: (chosen, done) => <BulkAbort chosen={chosen} done={done} /> } : {})}
      empty={<p>Nothing was done to many objects at once yet.</p>}
    />
  );
}

interface BulkProps {
  readonly chosen: Chosen<Job>;
  readonly done: () => void;
}

/** Of those that go on, and that the role may stop. */
function BulkAbort({ chosen, done }: BulkProps) {
  const { may } = useSession();
  const rows = abortable(chosen, (job) => mayMany(may, job.operationType));
  if (rows.length === 0) return <>None of these goes on.</>;
  return (
    <BulkDo
      name="Abort"
      danger
      consequence="what was not begun yet is left as it is; what was done stays done."
      rows={rows}
      nameOf={(job) => job.name}
      call={(api, id) => api.put("/v1/eaves/jobs/id/{id}/abort", { params: { id } })}
      done={done}
    />
  );
}
