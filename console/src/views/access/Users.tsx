/** Who may sign in: made, unlocked, freed of a lost second factor, their sessions ended. */
import { useState } from "react";
import type { User } from "../../api/types";
import { BulkDelete } from "../../list/BulkDelete";
import { BulkDo } from "../../list/BulkDo";
import { type Column, type Filter, ListView } from "../../list/ListView";
import type { Chosen } from "../../list/selection";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Ask } from "../../ui/Ask";
import { Choice, type Named } from "../../ui/Choice";
import { Do } from "../../ui/Do";
import { Field } from "../../ui/Field";
import { State } from "../../ui/State";
import { UserRole } from "./UserRole";

const FILTERS: readonly Filter[] = [
  { name: "namePattern", label: "Name" },
  { name: "emailPattern", label: "Mail" },
  { name: "roleName", label: "Role" },
];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<User>[] = [
  { title: "Name", sort: "username", cell: (row) => <bdi>{row.username}</bdi> },
  { title: "State", sort: "state", cell: (row) => <State word={row.state} /> },
  { title: "Full name", sort: "fullName", cell: (row) => <bdi>{row.fullName}</bdi> },
  { title: "Mail", sort: "email", cell: (row) => <bdi className="eaves-mail">{row.email}</bdi> },
  { title: "Role", cell: (row) => <UserRole id={row.roleId} /> },
  { title: "Second factor", cell: (row) => (row.totpEnabled ? "yes" : "no") },
  { title: "Signed in", cell: (row) => <Age at={row.LastLoginTime} /> },
];

export function Users() {
  const [state, setState] = useListState(NAMES);
  const query = useList<User>("/v1/users", state);
  const { may } = useSession();
  const changes = may("accessUser", "Update");
  const columns = changes
    ? [...COLUMNS, { title: "Actions", cell: (row: User) => <Actions user={row} /> }]
    : COLUMNS;
  return (
    <ListView<User>
      title="Users"
      query={query}
      state={state}
      onState={setState}
      columns={columns}
      filters={FILTERS}
      idOf={(row) => row.id ?? row.username ?? ""}
      nameOf={nameOf}
      actions={changes && may("accessUser", "Create") ? <NewUser /> : undefined}
      {...(changes || may("accessUser", "Delete")
        ? { bulk: (chosen, done) => <BulkUsers chosen={chosen} done={done} /> }
        : {})}
      empty={<p>Nobody yet.</p>}
    />
  );
}

const nameOf = (user: User) => user.username ?? "";

interface BulkProps {
  readonly chosen: Chosen<User>;
  readonly done: () => void;
}

function BulkUsers({ chosen, done }: BulkProps) {
  const { may } = useSession();
  return (
    <>
      {may("accessUser", "Update") && (
        <BulkDo
          name="End sessions"
          danger
          consequence="every session and token of theirs ends at once; programs that use them stop."
          rows={[...chosen]}
          nameOf={nameOf}
          call={(api, id) => api.remove("/v1/eaves/users/{id}/tokens", { params: { id } })}
          done={done}
        />
      )}
      <BulkDelete
        chosen={chosen}
        done={done}
        area="accessUser"
        path="/v1/users/id/{id}"
        nameOf={nameOf}
      />
    </>
  );
}

function Actions({ user }: { readonly user: User }) {
  const { api } = useSession();
  const params = { id: user.id ?? "" };
  return (
    <div className="eaves-actions">
      <Do
        small
        name="End sessions"
        danger
        consequence={`Every session and token of ${user.username} ends at once; programs that use them stop.`}
        work={() => api.remove("/v1/eaves/users/{id}/tokens", { params })}
      />
      <Do
        small
        name="Unlock"
        consequence={`${user.username} may try passwords again. Do it when you know who it was that tried.`}
        work={() => api.put("/v1/eaves/users/{id}/unlock", { params })}
      />
      {user.totpEnabled && (
        <Do
          small
          name="Take the second factor away"
          danger
          consequence={`${user.username} signs in with the password alone until another one is added.`}
          work={() => api.remove("/v1/eaves/users/{id}/totp", { params })}
        />
      )}
    </div>
  );
}

function NewUser() {
  const { api } = useSession();
  const [username, setUsername] = useState("");
  const [email, setEmail] = useState("");
  const [fullName, setFullName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Named>();
  const work = async () => {
    if (!role?.id) throw new Error("choose a role that there is");
    const made = await api.post("/v1/users", {
      body: { username, email, fullName, roleId: role.id },
    });
    await api.post("/v1/credentials", {
      body: { owner: made.objectId, newCred: password, type: "CREDENTIAL_TYPE_PASSWORD" },
    });
  };
  return (
    <Ask name="New user" work={work}>
      <Field label="Name" value={username} onChange={setUsername} required />
      <Field label="Full name" value={fullName} onChange={setFullName} />
      <Field label="Mail" value={email} onChange={setEmail} required />
      <Choice label="Role" path="/v1/roles" onChoose={setRole} required />
      <Field
        label="First password"
        value={password}
        onChange={setPassword}
        required
        secret
        help="It has to be changed at the first sign-in"
      />
    </Ask>
  );
}
