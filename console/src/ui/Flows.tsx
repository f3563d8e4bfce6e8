/** Who talks most, and the newest connections with what a rule did to them. */
import { FormSelect, FormSelectOption, Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import { useReadOwn } from "../api/useRead";
import { Age } from "./Age";
import { Answer } from "./Answer";
import { bytes } from "./bytes";

interface Talker {
  readonly name: string;
  readonly txBytes: number;
  readonly rxBytes: number;
  readonly flows: number;
}
interface Flow {
  readonly interface: string;
  readonly direction: string;
  readonly proto: number;
  readonly localAddr: string;
  readonly localPort: number;
  readonly remoteAddr: string;
  readonly remotePort: number;
  readonly remoteName: string;
  readonly aclName: string;
  readonly action: string;
  readonly startTime: string;
  readonly txBytes: number;
  readonly rxBytes: number;
}
type Kind = "devices" | "apps/instances" | "netinsts";

const BY = ["host", "app", "address", "port", "rule"];
const TALKERS = {
  devices: "/v1/eaves/devices/id/{id}/toptalkers",
  "apps/instances": "/v1/eaves/apps/instances/id/{id}/toptalkers",
  netinsts: "/v1/eaves/netinsts/id/{id}/toptalkers",
} as const;
const FLOWS = {
  devices: "/v1/eaves/devices/id/{id}/flows",
  "apps/instances": "/v1/eaves/apps/instances/id/{id}/flows",
  netinsts: "/v1/eaves/netinsts/id/{id}/flows",
} as const;
const EVERY_MS = 30_000;

export function Flows({ kind, id }: { readonly kind: Kind; readonly id: string }) {
  const [by, setBy] = useState("host");
  const reading = { params: { id }, every: EVERY_MS };
  const talkers = useReadOwn<{ readonly list: readonly Talker[] }>(TALKERS[kind], {
    ...reading,
    query: { by, "next.pageSize": 20 },
  });
  const flows = useReadOwn<{ readonly list: readonly Flow[] }>(FLOWS[kind], {
    ...reading,
    query: { "next.pageSize": 100 },
  });
  return (
    <>
      <Title headingLevel="h2">Top talkers</Title>
      <FormSelect
        className="eaves-filter"
        aria-label="By"
        value={by}
        onChange={(_event, word) => setBy(word)}
      >
        {BY.map((word) => (
          <FormSelectOption key={word} value={word} label={`By ${word}`} />
        ))}
      </FormSelect>
      <Answer query={talkers} what="top talkers">
        {({ list }) =>
          list.length === 0 ? (
            <p>Nobody has talked yet.</p>
          ) : (
            <Table aria-label="Top talkers" variant="compact">
              <Thead>
                <Tr>
                  <Th>Name</Th>
                  <Th>Sent</Th>
                  <Th>Received</Th>
                  <Th>Flows</Th>
                </Tr>
              </Thead>
              <Tbody>
                {list.map((one) => (
                  <Tr key={one.name}>
                    <Td dataLabel="Name" modifier="breakWord">
                      <bdi>{one.name}</bdi>
                    </Td>
                    <Td dataLabel="Sent">{bytes(one.txBytes)}</Td>
                    <Td dataLabel="Received">{bytes(one.rxBytes)}</Td>
                    <Td dataLabel="Flows">{one.flows}</Td>
                  </Tr>
                ))}
              </Tbody>
            </Table>
          )
        }
      </Answer>
      <Title headingLevel="h2">Newest flows</Title>
      <Answer query={flows} what="flows">
        {({ list }) =>
          list.length === 0 ? (
            <p>No flow was told of yet.</p>
          ) : (
            <Table aria-label="Newest flows" variant="compact">
              <Thead>
                <Tr>
                  <Th>When</Th>
                  <Th>Direction</Th>
                  <Th>Here</Th>
                  <Th>There</Th>
                  <Th>Rule</Th>
                  <Th>Done</Th>
                  <Th>Bytes</Th>
                </Tr>
              </Thead>
              <Tbody>
                {list.map((one) => (
                  <Tr
                    key={`${one.startTime} ${one.localAddr} ${one.localPort} ${one.remoteAddr} ${one.remotePort}`}
                  >
                    <Td dataLabel="When">
                      <Age at={one.startTime} />
                    </Td>
                    <Td dataLabel="Direction">{one.direction}</Td>
                    <Td dataLabel="Here">{`${one.localAddr}:${one.localPort}`}</Td>
                    <Td dataLabel="There" modifier="breakWord">
                      <bdi>{`${one.remoteName || one.remoteAddr}:${one.remotePort}`}</bdi>
                    </Td>
                    <Td dataLabel="Rule">
                      <bdi>{one.aclName}</bdi>
                    </Td>
                    <Td dataLabel="Done">{one.action}</Td>
                    <Td dataLabel="Bytes">{bytes(one.txBytes + one.rxBytes)}</Td>
                  </Tr>
                ))}
              </Tbody>
            </Table>
          )
        }
      </Answer>
    </>
  );
}
