import {
  EmptyState,
  EmptyStateBody,
  FormGroup,
  FormSelect,
  FormSelectOption,
} from "@patternfly/react-core";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import type { Project } from "../../api/types";
import { BulkDelete } from "../../list/BulkDelete";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { Ask } from "../../ui/Ask";
import { Field } from "../../ui/Field";
import { worded } from "../../ui/words";
import { policiesOf } from "./policies";

const FILTERS: readonly Filter[] = [{ name: "namePattern", label: "Name" }];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<Project>[] = [
  {
    title: "Name",
    sort: "name",
    cell: (row) => (
      <Link to={`/projects/${row.id}`}>
        <bdi>{row.name}</bdi>
      </Link>
    ),
  },
  { title: "Title", sort: "title", cell: (row) => <bdi>{row.title}</bdi> },
  { title: "Kind", sort: "type", cell: (row) => worded(row.type) },
  { title: "Nodes", cell: (row) => row.numdevices ?? 0 },
  { title: "Policies", cell: (row) => policiesOf(row).join(", ") || "none" },
];

export function Projects() {
  const [state, setState] = useListState(NAMES);
  const query = useList<Project>("/v1/projects", state);
  const { may } = useSession();
  return (
    <ListView<Project>
      title="Projects and policies"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id ?? row.name}
      nameOf={(row) => row.name}
      actions={may("accessDevice", "Create") ? <NewProject /> : undefined}
      {...(may("accessDevice", "Delete")
        ? {
            bulk: (chosen, done) => (
              <BulkDelete
                chosen={chosen}
                done={done}
                area="accessDevice"
                path="/v1/projects/id/{id}"
                nameOf={(row) => row.name ?? ""}
              />
            ),
          }
        : {})}
      empty={
        <EmptyState headingLevel="h2" titleText="No project yet">
          <EmptyStateBody>
            Nodes, networks and apps live in projects; roles hold in them.
          </EmptyStateBody>
        </EmptyState>
      }
    />
  );
}

const KINDS = [
  { value: "TAG_TYPE_PROJECT", label: "Project: the same policies for all of its nodes" },
  {
    value: "TAG_TYPE_DEPLOYMENT",
    label: "Deployment project: policies choose nodes by their tags",
  },
];

/** With a network that asks for its address, so that a first node needs nothing else. */
function NewProject() {
  const { api } = useSession();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [type, setType] = useState("TAG_TYPE_PROJECT");
  const [network, setNetwork] = useState("");
  const work = async () => {
    const made = await api.post("/v1/projects", {
      body: { name, title: name, type, tagLevelSettings: {}, modulePolicy: null },
    });
    if (network) {
      await api.post("/v1/networks", {
        body: {
          name: network,
          title: network,
          kind: "NETWORK_KIND_V4",
          projectId: made.objectId,
          ip: { dhcp: "NETWORK_DHCP_TYPE_CLIENT", dns: [] },
          dnsList: null,
        },
      });
    }
    navigate(`/projects/${made.objectId}`);
  };
  return (
    <Ask name="New project" work={work}>
      <Field label="Name" value={name} onChange={setName} required />
      <FormGroup label="Kind" fieldId="project-kind">
        <FormSelect id="project-kind" value={type} onChange={(_event, word) => setType(word)}>
          {KINDS.map((one) => (
            <FormSelectOption key={one.value} value={one.value} label={one.label} />
          ))}
        </FormSelect>
      </FormGroup>
      <Field
        label="A network for its uplinks"
        value={network}
        onChange={setNetwork}
        help="IPv4 by DHCP; leave it empty to make one later"
      />
    </Ask>
  );
}
