/** One's own tokens and sessions; a token for a program is shown this once. */
import { Alert, ClipboardCopy } from "@patternfly/react-core";
import { useState } from "react";
import { Refused } from "../../api/call";
import type { OwnToken } from "../../api/own";
import { BulkDo } from "../../list/BulkDo";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Do } from "../../ui/Do";
import { SecondFactor } from "./SecondFactor";

const PATH = "/v1/eaves/tokens";
const FILTERS: readonly Filter[] = [
  { name: "clientPattern", label: "From" },
  {
    name: "kind",
    label: "Kind",
    choices: [
      { value: "api", label: "Token" },
      { value: "session", label: "Session" },
    ],
  },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<OwnToken>[] = [
  {
    title: "Kind",
    sort: "kind",
    cell: (row) => (
      <>
        {wordOf(row)} {row.current && "(this one)"}
        {row.readSecrets && " reads secrets"}
      </>
    ),
  },
  { title: "From", sort: "client", cell: (row) => <bdi>{row.client}</bdi> },
  { title: "Made", sort: "createdAt", cell: (row) => <Age at={row.createdAt} /> },
  { title: "Ends", sort: "expiresAt", cell: (row) => <Age at={row.expiresAt} /> },
];
const ENDS = "It opens nothing from now on, and neither does what was made with it.";
const OWN = "This is the session of this page: you have to sign in again.";

/** One that was made with another one of them went with it. */
const unlessGone = (error: unknown) => {
  if (!(error instanceof Refused && error.status === 404)) throw error;
};

const wordOf = (one: OwnToken) => (one.kind === "api" ? "Token" : "Session");

export function Tokens() {
  const { api } = useSession();
  const [state, setState] = useListState(NAMES);
  const query = useList<OwnToken>(PATH, state);
  const [made, setMade] = useState("");
  const make = async () => {
    const answer = await api.postOwn<{ readonly token?: string }>("/v1/sessions/token/self");
    setMade(answer.token ?? "");
  };
  const revoke = (id: string) => api.remove("/v1/eaves/tokens/{id}", { params: { id } });
  const columns: readonly Column<OwnToken>[] = [
    ...COLUMNS,
    {
      title: "Actions",
      cell: (row) => (
        <Do
          small
          name="Revoke"
          danger
          consequence={row.current ? OWN : ENDS}
          work={() => revoke(row.id)}
        />
      ),
    },
  ];
  return (
    <>
      {made && (
        <Alert isInline variant="success" title="Keep it now: it is not shown again">
          <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied">
            {made}
          </ClipboardCopy>
        </Alert>
      )}
      <ListView<OwnToken>
        title="Tokens and sessions"
        query={query}
        state={state}
        onState={setState}
        columns={columns}
        filters={FILTERS}
        idOf={(row) => row.id}
        nameOf={(row) => `${wordOf(row)} from ${row.client}`}
        actions={
          <Do
            name="New token"
            consequence="A token for a program, with all the rights that you have. It is shown once; who has it is you, until it ends or is revoked."
            work={make}
          />
        }
        bulk={(chosen, done) => {
          const rows = [...chosen].sort(([, a], [, b]) => Number(a.current) - Number(b.current));
          return (
            <BulkDo
              name="Revoke"
              danger
              consequence={`they open nothing from now on, and neither does what was made with them.${rows.some(([, one]) => one.current) ? ` ${OWN}` : ""}`}
              rows={rows}
              nameOf={(one) => `${wordOf(one)} from ${one.client}`}
              call={(_api, id) => revoke(id).catch(unlessGone)}
              done={done}
            />
          );
        }}
        empty={<p>None yet.</p>}
      />
      <SecondFactor />
    </>
  );
}
