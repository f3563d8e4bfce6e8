import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { Link } from "react-router";
import type { BundleRow } from "../../api/types";
import { BulkDelete } from "../../list/BulkDelete";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { worded } from "../../ui/words";
import { NewApp } from "./NewApp";

const FILTERS: readonly Filter[] = [{ name: "namePattern", label: "Name" }];
const NAMES = FILTERS.map((one) => one.name);

export function Apps() {
  const [state, setState] = useListState(NAMES);
  const query = useList<BundleRow>("/v1/apps", state);
  const { may } = useSession();
  const deploys = may("accessAppInstance", "Create");
  const columns: readonly Column<BundleRow>[] = [
    {
      title: "Name",
      sort: "name",
      cell: (row) => (
        <Link to={`/apps/${row.id}`}>
          <bdi>{row.name}</bdi>
        </Link>
      ),
    },
    { title: "Title", sort: "title", cell: (row) => <bdi>{row.title}</bdi> },
    { title: "Kind", cell: (row) => worded(row.manifestJSON?.appType) },
    { title: "Version", cell: (row) => row.userDefinedVersion || "–" },
    { title: "Instances", cell: (row) => row.appInstCount ?? 0 },
    ...(deploys
      ? [
          {
            title: "Deploy",
            cell: (row: BundleRow) => <Link to={`/apps/${row.id}/deploy`}>Deploy</Link>,
          },
        ]
      : []),
  ];
  return (
    <ListView<BundleRow>
      title="Apps"
      query={query}
      state={state}
      onState={setState}
      columns={columns}
      filters={FILTERS}
      idOf={(row) => row.id ?? row.name ?? ""}
      nameOf={(row) => row.name ?? ""}
      actions={may("accessEdgeApp", "Create") ? <NewApp /> : undefined}
      {...(may("accessEdgeApp", "Delete")
        ? {
            bulk: (chosen, done) => (
              <BulkDelete
                chosen={chosen}
                done={done}
                area="accessEdgeApp"
                path="/v1/apps/id/{id}"
                nameOf={(row) => row.name ?? ""}
              />
            ),
          }
        : {})}
      empty={
        <EmptyState headingLevel="h2" titleText="No apps yet">
          <EmptyStateBody>
            <Link to="/marketplace">Import one from the marketplace.</Link>
          </EmptyStateBody>
        </EmptyState>
      }
    />
  );
}
