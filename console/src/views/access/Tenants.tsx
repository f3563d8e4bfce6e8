/** Enterprises below this one; who is allowed into one goes there with a session of its own. */
import type { Enterprise } from "../../api/types";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { Do } from "../../ui/Do";
import { State } from "../../ui/State";

const FILTERS: readonly Filter[] = [{ name: "namePattern", label: "Name" }];
const NAMES = FILTERS.map((one) => one.name);

export function Tenants() {
  const { enter, user, enterprise } = useSession();
  const [state, setState] = useListState(NAMES);
  const query = useList<Enterprise>("/v1/enterprises", state);
  const allowed = new Set((user?.allowedEnterprises ?? []).map((one) => one.id));
  const columns: readonly Column<Enterprise>[] = [
    { title: "Name", sort: "name", cell: (row) => <bdi>{row.name}</bdi> },
    {
      title: "State",
      sort: "state",
      cell: (row) => <State word={row.state?.replace("ENTERPRISE_STATE_", "")} />,
    },
    { title: "Title", sort: "title", cell: (row) => <bdi>{row.title}</bdi> },
    {
      title: "Go",
      cell: (row) =>
        row.id === enterprise?.id ? (
          "you are here"
        ) : allowed.has(row.id) ? (
          <Do
            name="Enter"
            consequence={`This page shows ${row.name} from now on, with the rights that you have there, until you leave it by the menu above.`}
            work={() => enter(row.id ?? "")}
          />
        ) : (
          "–"
        ),
    },
  ];
  return (
    <ListView<Enterprise>
      title="Tenants"
      query={query}
      state={state}
      onState={setState}
      columns={columns}
      filters={FILTERS}
      idOf={(row) => row.id ?? row.name ?? ""}
      nameOf={(row) => row.name ?? ""}
      empty={<p>There is no tenant below this one.</p>}
    />
  );
}
