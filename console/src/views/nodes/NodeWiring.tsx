/** What is connected to what on a node: a picture for the eye, the same as a table for everybody. */
import { Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { NodeStatus } from "../../api/types";
import { useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Problem } from "../../ui/Problem";
import { Waiting } from "../../ui/Waiting";
import {
  type Box,
  type Column,
  type Instance,
  type NetworkInstance,
  picture,
  WIDTH,
  wiring,
} from "./wiring";

const MOST = 500;
const KINDS: Readonly<Record<Column, string>> = {
  port: "Port or adapter",
  network: "Network instance",
  app: "App instance",
};

export function NodeWiring({ id, node }: { readonly id: string; readonly node: NodeStatus }) {
  const { may } = useSession();
  const networks = useReadOwn<{ readonly cfgList?: readonly NetworkInstance[] }>("/v1/netinsts", {
    query: { deviceId: id, "next.pageSize": MOST },
  });
  const apps = useReadOwn<{ readonly list?: readonly Instance[] }>("/v1/apps/instances", {
    query: { deviceId: id, "next.pageSize": MOST },
    enabled: may("accessAppInstance", "Read"),
  });
  const boxes = wiring(
    node.netStatusList ?? [],
    networks.data?.cfgList ?? [],
    apps.data?.list ?? [],
  );
  return (
    <>
      <Title headingLevel="h2">What is connected to what</Title>
      {[networks, apps].map(
        (one) => one.error && <Problem key={String(one.error)} error={one.error} />,
      )}
      {networks.isLoading || apps.isLoading ? (
        <Waiting what="connections" />
      ) : (
        <Drawn boxes={boxes} />
      )}
    </>
  );
}

function Drawn({ boxes }: { readonly boxes: readonly Box[] }) {
  if (boxes.length === 0) return <p>The node has told of no port, and nothing is put on it.</p>;
  const drawn = picture(boxes);
  const names = new Map(boxes.map((one) => [one.key, one.name]));
  return (
    <>
      <svg
        className="eaves-wiring"
        viewBox={`0 0 ${WIDTH} ${drawn.height}`}
        aria-hidden="true"
        focusable="false"
      >
        {drawn.lines.map((one) => (
          <path key={one.key} d={one.path} />
        ))}
        {drawn.boxes.map((one) => (
          <g key={one.key} className={one.column}>
            <rect x={one.x} y={one.y} width={one.width} height={one.height} rx={6} />
            <text x={one.x + one.width / 2} y={one.y + one.height / 2}>
              {one.label}
            </text>
          </g>
        ))}
      </svg>
      <Table aria-label="Connections" variant="compact">
        <Thead>
          <Tr>
            <Th>Kind</Th>
            <Th>Name</Th>
            <Th>Connected to</Th>
          </Tr>
        </Thead>
        <Tbody>
          {boxes.map((one) => (
            <Tr key={one.key}>
              <Td dataLabel="Kind">{KINDS[one.column]}</Td>
              <Td dataLabel="Name" modifier="breakWord">
                <bdi>{one.name}</bdi>
              </Td>
              <Td dataLabel="Connected to" modifier="breakWord">
                <bdi>{one.on.map((key) => names.get(key)).join(", ") || "–"}</bdi>
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
    </>
  );
}
