/** Roles as a matrix that can be read: what each lets its users do, and where. */
import { Button, Card, CardBody, CardTitle, Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { Link, useSearchParams } from "react-router";
import type { Role } from "../../api/types";
import { useMore } from "../../api/useMore";
import { filteredAt } from "../../list/state";
import { Typed } from "../../list/Typed";
import { AREAS, may, VERBS } from "../../rights/rights";
import { Answer } from "../../ui/Answer";
import { More } from "../../ui/More";

const FILTER = "namePattern";
const PAGE = 50;

export function Roles() {
  const [params, setParams] = useSearchParams();
  const text = params.get(FILTER) ?? "";
  const { told, rows } = useMore<Role>("/v1/roles", {
    query: { [FILTER]: text, "next.pageSize": PAGE },
  });
  const change = (value: string) =>
    setParams(filteredAt(window.location.search, FILTER, value), { replace: true });
  return (
    <section aria-label="Roles">
      <Title headingLevel="h1">Roles</Title>
      <Button variant="link" component={(props) => <Link {...props} to="/library/roles" />}>
        Make or change one
      </Button>
      <div className="eaves-filter">
        <Typed label="Name" value={text} onValue={change} />
      </div>
      <Answer query={told} what="roles">
        {() => (
          <div className="eaves-rows">
            {rows.length === 0 && <p>Nothing has this in its name.</p>}
            {rows.map((role) => (
              <Matrix key={role.id} role={role} />
            ))}
          </div>
        )}
      </Answer>
      <More told={told} name="More roles" />
    </section>
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
