/** Adapters with who holds what, and the ports with the configuration that is in force. */
import { Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { NodeStatus } from "../../api/types";
import { Age } from "../../ui/Age";
import { State } from "../../ui/State";
import { worded } from "../../ui/words";

export function NodeAdapters({ node }: { readonly node: NodeStatus }) {
  const ports = node.netStatusList ?? [];
  const adapters = node.ioStatusList ?? [];
  return (
    <>
      <Title headingLevel="h2">Ports</Title>
      {ports.length === 0 && <p>The node has told of no port yet.</p>}
      <Table aria-label="Ports" variant="compact" hidden={ports.length === 0}>
        <Thead>
          <Tr>
            <Th>Port</Th>
            <Th>State</Th>
            <Th>Addresses</Th>
            <Th>Routers</Th>
            <Th>DNS servers</Th>
            <Th>Configured by</Th>
            <Th>Error</Th>
          </Tr>
        </Thead>
        <Tbody>
          {ports.map((one) => (
            <Tr key={one.ifName}>
              <Td dataLabel="Port">
                {one.ifName} {one.uplink && "(uplink)"}
              </Td>
              <Td dataLabel="State">
                <State word={one.up ? "ONLINE" : "OFFLINE"} />
              </Td>
              <Td dataLabel="Addresses">{(one.ipAddrs ?? []).join(", ")}</Td>
              <Td dataLabel="Routers">{(one.defaultRouters ?? []).join(", ") || "–"}</Td>
              <Td dataLabel="DNS servers">{(one.dns?.servers ?? []).join(", ") || "–"}</Td>
              <Td dataLabel="Configured by">
                {originOf(one.configSource?.origin)}{" "}
                {one.configSource?.submittedAt && <Age at={one.configSource.submittedAt} />}
              </Td>
              <Td dataLabel="Error">
                <bdi>{one.errInfo?.description}</bdi>
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      <Title headingLevel="h2">Adapters</Title>
      {adapters.length === 0 ? (
        <p>The node has told of no adapter.</p>
      ) : (
        <Table aria-label="Adapters" variant="compact">
          <Thead>
            <Tr>
              <Th>Adapter</Th>
              <Th>Kind</Th>
              <Th>Members</Th>
              <Th>Held by</Th>
              <Th>Error</Th>
            </Tr>
          </Thead>
          <Tbody>
            {adapters.map((one) => (
              <Tr key={one.name}>
                <Td dataLabel="Adapter">{one.name}</Td>
                <Td dataLabel="Kind">{worded(one.type?.replace(/^IO_TYPE_/, ""))}</Td>
                <Td dataLabel="Members">{one.members.join(", ")}</Td>
                <Td dataLabel="Held by">
                  <bdi>{one.appName || "–"}</bdi>
                </Td>
                <Td dataLabel="Error">
                  <bdi>{one.err?.description}</bdi>
                </Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
    </>
  );
}

/** Who gave the configuration that is in force: the controller, the node itself, somebody there. */
const originOf = (origin: string | undefined): string => worded(origin?.replace(/^.*ORIGIN_/, ""));
