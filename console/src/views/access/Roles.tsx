/** Roles as a matrix that can be read: what each lets its users do, and where. */
import { Button, Card, CardBody, CardTitle } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { Link } from "react-router";
import type { Role } from "../../api/types";
import { type Column, type Filter, ListView } from "../../list/ListView";
import { useList } from "../../list/useList";
import { useListState } from "../../list/useListState";
import { AREAS, may, VERBS } from "../../rights/rights";

const FILTERS: readonly Filter[] = [{ name: "namePattern", label: "Name" }];
const NAMES = FILTERS.map((one) => one.name);
const COLUMNS: readonly Column<Role>[] = [{ title: "Name", sort: "name", cell: (row) => row.name }];

export function Roles() {
  const [state, setState] = useListState(NAMES);
  const query = useList<Role>("/v1/roles", state);
  return (
    <ListView<Role>
      title="Roles"
      query={query}
      state={state}
      onState={setState}
      columns={COLUMNS}
      filters={FILTERS}
      idOf={(row) => row.id ?? row.name}
      nameOf={(row) => row.name}
      actions={
        <Button variant="link" component={(props) => <Link {...props} to="/library/roles" />}>
          Make or change one
        </Button>
      }
      card={(row) => <Matrix key={row.id} role={row} />}
      wide
      empty={<p>There is none.</p>}
    />
  );
}

function Matrix({ role }: { readonly role: Role }) {
  const scopes = role.scopes ?? [];
  return (
    <Card isCompact component="article">
      <CardTitle component="h2">
        <Link to={`/library/roles/${role.id}`}>
          <bdi>{role.name}</bdi>
        </Link>
      </CardTitle>
      <CardBody>
        <p>
          <bdi>{role.description}</bdi>
        </p>
        {scopes.map((scope, index) => {
          const alone = { ...role, scopes: [scope] };
          const projects = (scope.projectFilter ?? []).length;
          return (
            // the scopes of a role have no name of their own
            // biome-ignore lint/suspicious/noArrayIndexKey: and their order is all that tells them apart
            <Table key={index} aria-label={`Rights of ${role.name}`} variant="compact">
              <Thead>
                <Tr>
                  <Th>{projects === 0 ? "In all projects" : `In ${projects} projects`}</Th>
                  {VERBS.map((verb) => (
                    <Th key={verb}>{verb}</Th>
                  ))}
                </Tr>
              </Thead>
              <Tbody>
                {AREAS.map(({ area, title }) => (
                  <Tr key={area}>
                    <Td dataLabel="Area">{title}</Td>
                    {VERBS.map((verb) => (
                      <Td key={verb} dataLabel={verb}>
                        {may(alone, area, verb) ? "yes" : "–"}
                      </Td>
                    ))}
                  </Tr>
                ))}
              </Tbody>
            </Table>
          );
        })}
      </CardBody>
    </Card>
  );
}
