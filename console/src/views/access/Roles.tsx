/** Roles as a matrix that can be read: what each lets its users do, and where. */
import { Card, CardBody, CardTitle, Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { Link } from "react-router";
import type { Listed, Role } from "../../api/types";
import { useReadOwn } from "../../api/useRead";
import { AREAS, may, VERBS } from "../../rights/rights";
import { Answer } from "../../ui/Answer";

export function Roles() {
  const roles = useReadOwn<Listed<Role>>("/v1/roles", { query: { "next.pageSize": 200 } });
  return (
    <section aria-label="Roles">
      <Title headingLevel="h1">Roles</Title>
      <Link to="/library/roles">Make or change one</Link>
      <Answer query={roles} what="roles">
        {({ list = [] }) => (
          <div className="eaves-rows">
            {list.map((role) => (
              <Matrix key={role.id} role={role} />
            ))}
          </div>
        )}
      </Answer>
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
