/** Who did what, with before and after; and whether the chain of the log is whole. */
import { Alert, Button } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { stringify } from "yaml";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Problem } from "../../ui/Problem";
import { kindOf } from "../../ui/words";
import { type Checked, whole } from "./chain";

interface Line {
  readonly number: number;
  readonly at: string;
  readonly user: string;
  readonly client: string;
  readonly requestId: string;
  readonly verb: string;
  readonly result: string;
  readonly objectKind: string;
  readonly objectName: string;
  readonly changes: unknown;
}

const FILTERS: readonly Filter[] = [
  { name: "userPattern", label: "User" },
  { name: "objectNamePattern", label: "Object" },
  { name: "verbPattern", label: "What was done" },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<Line>[] = [
  { title: "When", sort: "at", cell: (row) => <Age at={row.at} /> },
  { title: "Who", cell: (row) => <bdi>{row.user}</bdi> },
  { title: "Did", cell: (row) => row.verb },
  {
    title: "To",
    cell: (row) => (
      <span>
        {kindOf(row.objectKind)} <bdi>{row.objectName}</bdi>
      </span>
    ),
  },
  { title: "Result", cell: (row) => row.result },
];

export function Audit() {
  const [state, setState] = useListState(NAMES);
  const query = useList<Line>("/v1/eaves/audit", state);
  return (
    <ListView<Line>
      title="Audit log"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => String(row.number)}
      nameOf={(row) => `Entry ${row.number}`}
      actions={<Chain />}
      detail={(row) => (
        <>
          <pre className="eaves-log">{stringify(row.changes ?? {})}</pre>
          <small>
            Entry {row.number}, request {row.requestId}, from <bdi>{row.client}</bdi>
          </small>
        </>
      )}
      empty={<p>Nothing was done yet.</p>}
    />
  );
}

function Chain() {
  const { api } = useSession();
  const checking = useMutation({
    mutationFn: () =>
      whole((from, anchor) =>
        api.getOwn<Checked>("/v1/eaves/audit/verify", { query: { from, anchor } }),
      ),
  });
  return (
    <div className="eaves-rows">
      <div>
        <Button
          variant="secondary"
          isLoading={checking.isPending}
          onClick={() => checking.mutate()}
        >
          Check the chain
        </Button>
      </div>
      {checking.isError && <Problem error={checking.error} />}
      {checking.data && (
        <Alert
          isInline
          variant={checking.data.intact ? "success" : "danger"}
          title={
            checking.data.intact
              ? `All ${checking.data.checked} entries are as they were written`
              : "The log was changed, cut or damaged"
          }
        >
          {checking.data.fault}
        </Alert>
      )}
    </div>
  );
}
