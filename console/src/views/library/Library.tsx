import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { parse, stringify } from "yaml";
import { BulkDelete } from "../../list/BulkDelete";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { Ask } from "../../ui/Ask";
import { Choice } from "../../ui/Choice";
import { Editor } from "../../ui/Editor";
import { Problem } from "../../ui/Problem";
import { State } from "../../ui/State";
import { shown } from "../../ui/shown";
import { ImportModels } from "./ImportModels";
import { KINDS, type Kind } from "./kinds";
import { referring } from "./referring";

type Row = Readonly<Record<string, unknown>> & { readonly id?: string; readonly name?: string };

const FILTERS: readonly Filter[] = [{ name: "namePattern", label: "Name" }];
const NAMES = FILTERS.map((one) => one.name);
const STATES = new Set(["runState", "dsStatus", "imageStatus"]);

export function Library() {
  const { kind: word = "" } = useParams();
  const kind = KINDS[word];
  if (!kind)
    return <Problem error={new Error("the library has no such shelf")} title="Not found" />;
  return <Shelf key={word} word={word} kind={kind} />;
}

function Shelf({ word, kind }: { readonly word: string; readonly kind: Kind }) {
  const [state, setState] = useListState(NAMES);
  const query = useList<Row>(kind.list ?? kind.path, state);
  const { may } = useSession();
  const columns: readonly Column<Row>[] = [
    {
      title: "Name",
      sort: "name",
      cell: (row) => (
        <Link to={`/library/${word}/${row.id}`}>
          <bdi>{row.name}</bdi>
        </Link>
      ),
    },
    ...kind.columns.map(([title, member]) => ({
      title,
      sort: member,
      cell: (row: Row) => <Value row={row} member={member} />,
    })),
  ];
  return (
    <ListView<Row>
      title={kind.title}
      query={query}
      state={state}
      onState={setState}
      columns={columns}
      filters={FILTERS}
      idOf={(row) => row.id ?? row.name ?? ""}
      nameOf={(row) => row.name ?? ""}
      actions={
        may(kind.area, "Create") ? (
          <>
            <New word={word} kind={kind} />
            {word === "models" && <ImportModels />}
          </>
        ) : undefined
      }
      {...(may(kind.area, "Delete")
        ? {
            bulk: (chosen, done) => (
              <BulkDelete
                chosen={chosen}
                done={done}
                area={kind.area}
                path={kind.one}
                nameOf={(row) => row.name ?? ""}
              />
            ),
          }
        : {})}
      empty={
        <EmptyState headingLevel="h2" titleText="None yet">
          <EmptyStateBody>{kind.about}</EmptyStateBody>
        </EmptyState>
      }
    />
  );
}

/** States as such, what stands on a node with the way to it, and all else as it reads. */
function Value({ row, member }: { readonly row: Row; readonly member: string }) {
  const value = row[member];
  if (STATES.has(member) && typeof value === "string") return <State word={value} />;
  if (member === "deviceName" && value && row.deviceId)
    return (
      <Link to={`/nodes/${row.deviceId}`}>
        <bdi>{String(value)}</bdi>
      </Link>
    );
  return <bdi>{shown(value)}</bdi>;
}

function New({ word, kind }: { readonly word: string; readonly kind: Kind }) {
  const { api } = useSession();
  const navigate = useNavigate();
  const [first, setFirst] = useState(() => stringify(kind.template));
  const [text, setText] = useState(first);
  const show = (now: string) => {
    setFirst(now);
    setText(now);
  };
  const work = async () => {
    const made = await api.post(kind.path, { body: parse(text) });
    navigate(`/library/${word}/${made.objectId}`);
  };
  return (
    <Ask name={`New ${kind.noun.toLowerCase()}`} work={work}>
      {(kind.refs ?? []).map((ref) => (
        <Choice
          key={ref.member}
          label={ref.label}
          path={ref.path}
          onChoose={(one) => one?.id && show(referring(text, ref, one.id))}
        />
      ))}
      <Editor label={`${kind.noun} as YAML`} text={first} onText={setText} />
    </Ask>
  );
}
