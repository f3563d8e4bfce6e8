/** A change of many nodes in waves, begun by hand; which nodes it means is told while it is written. */
import { HelperText, HelperTextItem } from "@patternfly/react-core";
import { useDeferredValue, useState } from "react";
import { useNavigate } from "react-router";
import type { Explained } from "../../api/own";
import { useReadOwn } from "../../api/useRead";
import { mayMany } from "../../rights/operations";
import { useSession } from "../../session/Session";
import { Ask } from "../../ui/Ask";
import { Choice, type Named } from "../../ui/Choice";
import { Field } from "../../ui/Field";
import { messageOf } from "../../ui/Problem";
import { FIRST_SPEC, type Operation, type SpecForm, specOf, tagsOf } from "./spec";

interface Props {
  readonly operation: Operation;
  readonly name: string;
}

export function NewRollout({ operation, name }: Props) {
  const { api, may } = useSession();
  const navigate = useNavigate();
  const [form, setForm] = useState<SpecForm>({ ...FIRST_SPEC, operation });
  const [project, setProject] = useState<Named>();
  const put = (change: Partial<SpecForm>) => setForm((now) => ({ ...now, ...change }));
  if (!mayMany(may, operation)) return null;
  const work = async () => {
    const made = await api.post("/v1/eaves/rollouts", { body: specOf(form) });
    navigate(`/rollouts/${made.objectId ?? form.name}`);
  };
  const ofOs = operation === "BULK_SERVICE_BASEOS_UPDATE";
  return (
    <Ask name={name} work={work}>
      <Field label="Name" value={form.name} onChange={(text) => put({ name: text })} required />
      {ofOs ? (
        <>
          <Choice
            label="Image"
            path="/v1/apps/images"
            onChoose={(image) => put({ image })}
            required
          />
          <Field
            label="Version"
            value={form.version}
            onChange={(version) => put({ version })}
            help="As a node tells it that runs the image"
          />
        </>
      ) : (
        <Choice
          label="App"
          path="/v1/apps"
          onChoose={(app) => put({ app: app?.id ?? "" })}
          required
        />
      )}
      <Choice
        label="Project"
        path="/v1/projects"
        onChoose={(one) => {
          setProject(one);
          put({ project: one?.id ?? "" });
        }}
        required={ofOs}
      />
      <Field
        label="Tags that a node must carry"
        value={form.tags}
        onChange={(tags) => put({ tags })}
        help="NAME=VALUE, with commas between them; empty: every node of the project"
      />
      <Meant project={project?.name} tags={form.tags} />
      <Field
        label="Waves, in percent of all"
        value={form.waves}
        onChange={(waves) => put({ waves })}
        help="With commas between them; the rest follows as the last"
      />
      <Field
        label="Percent of a wave that have to succeed"
        value={form.threshold}
        onChange={(threshold) => put({ threshold })}
        help="With fewer it pauses by itself"
        required
      />
      <Field
        label="Minutes until a node has failed"
        value={form.minutes}
        onChange={(minutes) => put({ minutes })}
        required
      />
    </Ask>
  );
}

/** How many nodes these terms mean now, and which term keeps the others away. */
function Meant({ project, tags }: { readonly project: string | undefined; readonly tags: string }) {
  const asked = useDeferredValue(tags);
  const { terms, wrong } = termsOf(asked);
  const told = useReadOwn<Explained>("/v1/eaves/explain", {
    query: { project, tag: terms, pageSize: 1 },
    enabled: wrong === undefined && (project !== undefined || terms.length > 0),
  });
  if (wrong !== undefined) return <Line text={wrong} warns />;
  if (!told.data) return null;
  const { matching, nodes, warning, selector } = told.data;
  const away = selector.map((one) => `${one.term} keeps ${one.fails} away`).join("; ");
  return (
    <Line text={`Means ${matching} of ${nodes} nodes. ${warning ?? away}`} warns={matching === 0} />
  );
}

function Line({ text, warns }: { readonly text: string; readonly warns: boolean }) {
  return (
    <HelperText aria-live="polite">
      <HelperTextItem variant={warns ? "warning" : "default"}>{text}</HelperTextItem>
    </HelperText>
  );
}

function termsOf(text: string): { terms: readonly string[]; wrong: string | undefined } {
  try {
    const tags = Object.entries(tagsOf(text));
    return { terms: tags.map(([name, value]) => `${name}=${value}`), wrong: undefined };
  } catch (error) {
    return { terms: [], wrong: messageOf(error) };
  }
}
