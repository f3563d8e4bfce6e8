/** The shelf: apps that come with Eaves, imported into the tenant by one job. */
import {
  Button,
  Card,
  CardBody,
  CardFooter,
  CardTitle,
  Content,
  Label,
} from "@patternfly/react-core";
import { useRef } from "react";
import { Link } from "react-router";
import type { BundleRow } from "../../api/types";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { Described } from "../../ui/Described";
import { Do } from "../../ui/Do";
import { worded } from "../../ui/words";
import { EntryImages } from "./EntryImages";
import { importEntry, NOTHING_SAID } from "./importing";

const KINDS = ["APP_TYPE_CONTAINER", "APP_TYPE_VM"];
const FILTERS: readonly Filter[] = [
  { name: "namePattern", label: "Name" },
  {
    name: "appType",
    label: "Kind",
    choices: KINDS.map((value) => ({ value, label: worded(value) })),
  },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<BundleRow>[] = [
  { title: "Name", sort: "name", cell: (row) => row.name },
  { title: "Title", sort: "title", cell: (row) => row.title },
];

export function Marketplace() {
  const [state, setState] = useListState(NAMES);
  const query = useList<BundleRow>("/v1/apps/global", state);
  return (
    <ListView<BundleRow>
      title="Marketplace"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id ?? ""}
      nameOf={(row) => row.name ?? ""}
      card={(row) => <Entry key={row.id} one={row} />}
      empty={<p>Nothing is offered.</p>}
    />
  );
}

function Entry({ one }: { readonly one: BundleRow }) {
  const { api, may } = useSession();
  const given = useRef(NOTHING_SAID);
  return (
    <Card isCompact component="article">
      <CardTitle component="h2">
        <bdi>{one.title}</bdi>
      </CardTitle>
      <CardBody>
        <Content component="p">
          <Described text={one.description ?? ""} />
        </Content>
        <Content component="small">
          {worded(one.manifestJSON?.appType)} · {one.cpus ?? 0} {one.cpus === 1 ? "CPU" : "CPUs"} ·
          version {one.userDefinedVersion || "–"}
        </Content>
      </CardBody>
      <CardFooter>
        <div className="eaves-actions">
          {may("accessAppInstance", "Create") && (
            <Button
              variant="primary"
              component={(props) => <Link {...props} to={`/marketplace/${one.id}/deploy`} />}
            >
              Deploy<span className="pf-v6-screen-reader"> {one.title}</span>
            </Button>
          )}
          {one.isImported ? (
            <Label color="green">Imported</Label>
          ) : (
            may("accessEdgeApp", "Create") && (
              <Do
                name="Import"
                consequence={`A copy of ${one.name} becomes an app of this tenant. Nothing runs yet.`}
                work={() => importEntry(api, one, given.current)}
              >
                <EntryImages
                  id={one.id ?? ""}
                  onGiven={(now) => {
                    given.current = now;
                  }}
                />
              </Do>
            )
          )}
        </div>
      </CardFooter>
    </Card>
  );
}
