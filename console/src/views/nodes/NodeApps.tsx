import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { Link } from "react-router";
import type { AppRow, Listed } from "../../api/types";
import { useReadOwn } from "../../api/useRead";
import { Answer } from "../../ui/Answer";
import { State } from "../../ui/State";

/** The app instances of a node. */
export function NodeApps({ name }: { readonly name: string }) {
  const apps = useReadOwn<Listed<AppRow>>("/v1/apps/instances/status-config", {
    query: { deviceName: name, "next.pageSize": 500 },
    enabled: name !== "",
  });
  return (
    <Answer query={apps} what="apps">
      {({ list = [] }) => (
        <Table aria-label="App instances" variant="compact">
          <Thead>
            <Tr>
              <Th>Name</Th>
              <Th>State</Th>
              <Th>App</Th>
            </Tr>
          </Thead>
          <Tbody>
            {list.map((one) => (
              <Tr key={one.id}>
                <Td dataLabel="Name">
                  <Link to={`/instances/${one.id}`}>
                    <bdi>{one.name}</bdi>
                  </Link>
                </Td>
                <Td dataLabel="State">
                  <State word={one.runState} />
                </Td>
                <Td dataLabel="App">
                  <bdi>{one.appName}</bdi>
                </Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
    </Answer>
  );
}
