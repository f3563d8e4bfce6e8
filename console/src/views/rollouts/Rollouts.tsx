import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { Link } from "react-router";
import type { Rollout } from "../../api/own";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { mayMany } from "../../rights/operations";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { State } from "../../ui/State";
import { worded } from "../../ui/words";
import { BulkMoves } from "./BulkMoves";
import { NewRollout } from "./NewRollout";
import { Waves } from "./Waves";

const PHASES = [
  "RUNNING",
  "PAUSED",
  "COMPLETED",
  "ABORTED",
  "UNDOING",
  "UNDO_HELD",
  "UNDONE",
] as const;
const OPERATIONS = ["BULK_SERVICE_BASEOS_UPDATE", "BULK_SERVICE_APPINSTANCE_REFRESH"] as const;
const choices = (words: readonly string[]) =>
  words.map((value) => ({ value, label: worded(value) }));
const FILTERS: readonly Filter[] = [
  { name: "namePattern", label: "Name" },
  { name: "phase", label: "State", choices: choices(PHASES) },
  { name: "operationType", label: "What", choices: choices(OPERATIONS) },
  { name: "userPattern", label: "By" },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<Rollout>[] = [
  {
    title: "Name",
    sort: "name",
    cell: (row) => (
      <Link to={`/rollouts/${row.id}`}>
        <bdi>{row.name}</bdi>
      </Link>
    ),
  },
  { title: "State", sort: "phase", cell: (row) => <State word={row.phase} /> },
  { title: "Progress", cell: (row) => <Waves waves={row.waves} /> },
  { title: "Why", cell: (row) => row.reasons.join("; ") },
  { title: "By", sort: "user", cell: (row) => <bdi>{row.user}</bdi> },
  { title: "Begun", sort: "createdAt", cell: (row) => <Age at={row.createdAt} /> },
];
const EVERY_MS = 5_000;

export function Rollouts() {
  const [state, setState] = useListState(NAMES);
  const query = useList<Rollout>("/v1/eaves/rollouts", state, {}, EVERY_MS);
  const { may } = useSession();
  const moves = OPERATIONS.some((one) => mayMany(may, one));
  return (
    <ListView<Rollout>
      title="Roll-outs"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id}
      nameOf={(row) => row.name}
      actions={
        <>
          <NewRollout operation="BULK_SERVICE_BASEOS_UPDATE" name="New OS roll-out" />
          <NewRollout operation="BULK_SERVICE_APPINSTANCE_REFRESH" name="New app roll-out" />
        </>
      }
      {...(moves ? { bulk: (chosen, done) => <BulkMoves chosen={chosen} done={done} /> } : {})}
      empty={
        <EmptyState variant="sm" headingLevel="h2" titleText="No roll-outs yet">
          <EmptyStateBody>
            A roll-out changes many nodes in waves, and stops by itself when too many fail. What the
            forms above have no field for (windows, budgets, waves by tags) takes{" "}
            <code>eaves rollout create -f FILE</code>.
          </EmptyStateBody>
        </EmptyState>
      }
    />
  );
}
