/** From an app to instances on many nodes: which nodes, what it is told, a review, one job. */
import {
  Checkbox,
  Content,
  FormGroup,
  FormSelect,
  FormSelectOption,
  List,
  ListItem,
  Title,
  Wizard,
  WizardStep,
} from "@patternfly/react-core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import type { Tried } from "../../api/own";
import type { Bundle, NodeRow } from "../../api/types";
import { useRead } from "../../api/useRead";
import { type Column, ListView } from "../../list/ListView";
import { type Chosen, MOST, toggled } from "../../list/selection";
import { readState } from "../../list/state";
import { useList } from "../../list/useList";
import { useSession } from "../../session/Session";
import { Answer } from "../../ui/Answer";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/Problem";
import { State } from "../../ui/State";
import { type Choice, jobOf, keyOf, lacking, type Variable, variablesOf } from "./deploy";

const NOT_YOURS = new Error(
  "your role does not make app instances; ask somebody whose role does, or for another role",
);

export function Deploy() {
  const { id = "" } = useParams();
  const { may } = useSession();
  const bundle = useRead("/v1/apps/id/{id}", { params: { id } });
  if (!may("accessAppInstance", "Create"))
    return (
      <>
        <Title headingLevel="h1">Deploy</Title>
        <Problem error={NOT_YOURS} />
      </>
    );
  return (
    <Answer query={bundle} what="the app">
      {(found) => <Steps bundle={found} />}
    </Answer>
  );
}

function Steps({ bundle }: { readonly bundle: Bundle }) {
  const { api } = useSession();
  const navigate = useNavigate();
  const [nodes, setNodes] = useState<Chosen<NodeRow>>(new Map());
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [prefix, setPrefix] = useState(bundle.name);
  const variables = variablesOf(bundle);
  const missing = lacking(variables, values);
  const deploying = useMutation({
    mutationFn: () => {
      const choice = { bundle, values, nodes: [...nodes.keys()], prefix };
      return api.put("/v1/jobs/apps/instances/create", { body: jobOf(choice, new Date()) });
    },
    onSuccess: (made) => navigate(made.jobId ? `/jobs/${made.jobId}` : "/jobs"),
  });
  return (
    <section aria-label="Deploy">
      <Title headingLevel="h1">
        Deploy <bdi>{bundle.title}</bdi>
      </Title>
      <Wizard
        onSave={() => deploying.mutate()}
        onClose={() => navigate(`/apps/${bundle.id}`)}
        navAriaLabel="Steps"
      >
        <WizardStep id="nodes" name="Nodes" footer={{ isNextDisabled: nodes.size === 0 }}>
          <Nodes chosen={nodes} onChosen={setNodes} />
        </WizardStep>
        <WizardStep
          id="settings"
          name="Settings"
          footer={{ isNextDisabled: missing.length > 0 || !prefix }}
        >
          <Field
            label="Name of the instances"
            value={prefix}
            onChange={setPrefix}
            required
            help="The name of the node is added to it"
          />
          {variables.map((one) => (
            <Setting
              key={keyOf(one)}
              one={one}
              value={values[keyOf(one)] ?? one.value}
              onValue={(value) => setValues({ ...values, [keyOf(one)]: value })}
            />
          ))}
        </WizardStep>
        <WizardStep
          id="look"
          name="Review"
          footer={{ nextButtonText: "Deploy", isNextDisabled: deploying.isPending }}
        >
          {deploying.isError && <Problem error={deploying.error} title="Nothing was deployed" />}
          <Content component="p">
            {nodes.size} instances of {bundle.name} are made and started, one on each of these
            nodes. A node without room for it, or of another architecture, is refused with its
            reason, and the others go on.
          </Content>
          <Plan choice={{ bundle, values, nodes: [...nodes.keys()], prefix }} />
        </WizardStep>
      </Wizard>
    </section>
  );
}

/** What would come of it, node by node, before anything is done. */
function Plan({ choice }: { readonly choice: Choice }) {
  const { api, token } = useSession();
  const tried = useQuery({
    queryKey: ["deploy plan", token, choice.bundle.id, choice.nodes, choice.prefix, choice.values],
    queryFn: ({ signal }) =>
      api.putOwn<Tried>("/v1/jobs/apps/instances/create", {
        query: { dryRun: true },
        body: jobOf(choice, new Date()),
        signal,
      }),
    refetchInterval: false,
  });
  return (
    <Answer query={tried} what="what would come of it">
      {({ failed, more, list }) => (
        <>
          <Content component="p">
            {failed === 0 ? "Every node that was asked takes it." : `${failed} nodes refuse it.`}
            {more && ` The first ${list.length} were asked; the others are when it is carried out.`}
          </Content>
          <List>
            {list.map((one) => (
              <ListItem key={one.objectId}>
                <State word={one.fits ? "READY" : "FAILED"} /> <bdi>{one.objectName}</bdi>
                {!one.fits && <>: {one.result}</>}
              </ListItem>
            ))}
          </List>
        </>
      )}
    </Answer>
  );
}

function Nodes({
  chosen,
  onChosen,
}: {
  readonly chosen: Chosen<NodeRow>;
  readonly onChosen: (chosen: Chosen<NodeRow>) => void;
}) {
  const [state, setState] = useState(() => readState(new URLSearchParams(), []));
  const query = useList<NodeRow>("/v1/devices/status-config", state);
  const columns: readonly Column<NodeRow>[] = [
    {
      title: "Chosen",
      cell: (row) => (
        <Checkbox
          id={`on-${row.id}`}
          aria-label={`Deploy on ${row.name}`}
          isChecked={chosen.has(row.id ?? "")}
          isDisabled={chosen.size >= MOST && !chosen.has(row.id ?? "")}
          onChange={(_event, on) => onChosen(toggled(chosen, row.id ?? "", row, on))}
        />
      ),
    },
    { title: "Name", sort: "name", cell: (row) => <bdi>{row.name}</bdi> },
    { title: "State", cell: (row) => <State word={row.runState} /> },
    { title: "Project", cell: (row) => <bdi>{row.projectName}</bdi> },
  ];
  return (
    <ListView<NodeRow>
      title={`Nodes, ${chosen.size} chosen`}
      query={query}
      state={state}
      onState={setState}
      columns={columns}
      filters={[
        { name: "namePattern", label: "Name" },
        { name: "projectNamePattern", label: "Project" },
      ]}
      idOf={(row) => row.id ?? row.name}
      nameOf={(row) => row.name}
      empty={<p>There is no node yet.</p>}
    />
  );
}

function Setting({
  one,
  value,
  onValue,
}: {
  readonly one: Variable;
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  if (one.options.length === 0) {
    return (
      <Field
        label={one.label}
        value={value}
        onChange={onValue}
        required={one.required}
        secret={one.secret}
      />
    );
  }
  const id = `setting-${keyOf(one)}`;
  return (
    <FormGroup label={one.label} fieldId={id} isRequired={one.required}>
      <FormSelect id={id} value={value} onChange={(_event, word) => onValue(word)}>
        {one.options.map((option) => (
          <FormSelectOption key={option.value} value={option.value} label={option.label} />
        ))}
      </FormSelect>
    </FormGroup>
  );
}
