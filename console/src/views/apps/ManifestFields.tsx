/** An app as a form: what most of its changes are about; the text has the rest. */
import {
  ActionList,
  ActionListItem,
  Button,
  Content,
  Form,
  FormFieldGroup,
  FormFieldGroupHeader,
  FormGroup,
  FormSelect,
  FormSelectOption,
  TextInput,
} from "@patternfly/react-core";
import { useEffect, useRef, useState } from "react";
import type { Bundle } from "../../api/types";
import { useSession } from "../../session/Session";
import { Choice, type Named } from "../../ui/Choice";
import { Do } from "../../ui/Do";
import { Field } from "../../ui/Field";
import { Unsaved } from "../../ui/Unsaved";
import { formOf, type InterfaceForm, type ManifestForm, type PortForm, withForm } from "./manifest";

type Image = Named & { readonly imageFormat?: string };

const NEW_PORT: PortForm = { from: undefined, protocol: "tcp", nodePort: "", appPort: "" };

export function ManifestFields({ id, bundle }: { readonly id: string; readonly bundle: Bundle }) {
  const { api, may } = useSession();
  const [base, setBase] = useState(bundle);
  const [form, setForm] = useState(() => formOf(bundle));
  const changed = JSON.stringify(form) !== JSON.stringify(formOf(base));
  const seen = useRef(bundle);
  // as a text: what somebody else changed shows at once, but not in the place of what is written
  useEffect(() => {
    if (changed || seen.current === bundle) return;
    seen.current = bundle;
    setBase(bundle);
    setForm(formOf(bundle));
  }, [changed, bundle]);
  const put = (change: Partial<ManifestForm>) => setForm((now) => ({ ...now, ...change }));
  const save = async () => {
    const wanted = withForm(base, form);
    await api.put("/v1/apps/id/{id}", { params: { id }, body: wanted });
    seen.current = bundle; // from before the save
    setBase(wanted);
    setForm(formOf(wanted));
  };
  return (
    <>
      <Form onSubmit={(event) => event.preventDefault()}>
        <fieldset className="eaves-fields" disabled={!may("accessEdgeApp", "Update")}>
          <Lines form={form} put={put} />
          {form.interfaces.map((one, n) => (
            <Ports
              key={one.name}
              one={one}
              onChange={(ports) => put({ interfaces: form.interfaces.with(n, { ...one, ports }) })}
            />
          ))}
        </fieldset>
      </Form>
      {changed && may("accessEdgeApp", "Update") && (
        <ActionList>
          <Unsaved />
          <ActionListItem>
            <Do
              name="Save"
              consequence="The app becomes what the form says: new instances are made so, and those that are there come to it when they are refreshed."
              work={save}
            />
          </ActionListItem>
          <ActionListItem>
            <Button variant="link" onClick={() => setForm(formOf(base))}>
              As it was
            </Button>
          </ActionListItem>
        </ActionList>
      )}
      <Content component="small">
        What has no field here (rules, variables, user data, other resources) stands in the text.
      </Content>
    </>
  );
}

interface LinesProps {
  readonly form: ManifestForm;
  readonly put: (change: Partial<ManifestForm>) => void;
}

function Lines({ form, put }: LinesProps) {
  return (
    <>
      <Field label="Title" value={form.title} onChange={(title) => put({ title })} required />
      <Field
        label="Description"
        value={form.description}
        onChange={(description) => put({ description })}
      />
      <Field label="Version" value={form.version} onChange={(version) => put({ version })} />
      {form.images.map((image, n) => (
        <Choice<Image>
          // the images of a manifest are told apart by their place alone
          // biome-ignore lint/suspicious/noArrayIndexKey: which the form does not change
          key={n}
          label={n === 0 ? "Image" : `Image ${n + 1}`}
          path="/v1/apps/images"
          first={image.name}
          onChoose={(one) =>
            one?.name &&
            put({
              images: form.images.with(n, {
                name: one.name,
                format: one.name === image.name ? image.format : (one.imageFormat ?? ""),
              }),
            })
          }
          required
        />
      ))}
      <Field label="Processors" value={form.cpus} onChange={(cpus) => put({ cpus })} required />
      <Field
        label="Memory in MiB"
        value={form.memoryMiB}
        onChange={(memoryMiB) => put({ memoryMiB })}
        required
      />
    </>
  );
}

interface PortsProps {
  readonly one: InterfaceForm;
  readonly onChange: (ports: readonly PortForm[]) => void;
}

/** The ports of the node that lead to the app through one of its interfaces. */
function Ports({ one, onChange }: PortsProps) {
  const { ports } = one;
  const name = one.name || "its interface";
  return (
    <FormFieldGroup
      header={
        <FormFieldGroupHeader
          titleText={{ text: `Ports on ${name}`, id: `ports-${name}` }}
          titleDescription="Ports of the node that lead to the app"
          actions={
            <Button variant="secondary" onClick={() => onChange([...ports, NEW_PORT])}>
              Add a port
            </Button>
          }
        />
      }
    >
      {ports.map((port, n) => (
        <Port
          // biome-ignore lint/suspicious/noArrayIndexKey: two new ports may be the same in all
          key={n}
          place={`${name}-${n}`}
          port={port}
          onChange={(now) => onChange(now ? ports.with(n, now) : ports.toSpliced(n, 1))}
        />
      ))}
    </FormFieldGroup>
  );
}

interface PortProps {
  readonly place: string;
  readonly port: PortForm;
  /** Undefined: it is taken away. */
  readonly onChange: (port: PortForm | undefined) => void;
}

function Port({ place, port, onChange }: PortProps) {
  const text = (label: string, member: "nodePort" | "appPort") => (
    <FormGroup label={label} fieldId={`${member}-${place}`} isRequired={member === "nodePort"}>
      <TextInput
        id={`${member}-${place}`}
        value={port[member]}
        inputMode="numeric"
        isRequired={member === "nodePort"}
        onChange={(_event, value) => onChange({ ...port, [member]: value })}
      />
    </FormGroup>
  );
  return (
    <div className="eaves-port">
      <FormGroup label="Protocol" fieldId={`protocol-${place}`}>
        <FormSelect
          id={`protocol-${place}`}
          value={port.protocol}
          onChange={(_event, protocol) => onChange({ ...port, protocol })}
        >
          {[...new Set(["tcp", "udp", port.protocol])].map((word) => (
            <FormSelectOption key={word} value={word} label={word.toUpperCase()} />
          ))}
        </FormSelect>
      </FormGroup>
      {text("Port of the node", "nodePort")}
      {text("Port of the app", "appPort")}
      <Button variant="link" onClick={() => onChange(undefined)}>
        Take it away
      </Button>
    </div>
  );
}
