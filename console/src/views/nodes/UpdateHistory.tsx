/** What became of the updates of a node, from its events. */
import { Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { EventRow, Listed } from "../../api/types";
import { useReadOwn } from "../../api/useRead";
import { Age } from "../../ui/Age";
import { Problem } from "../../ui/Problem";
import { State } from "../../ui/State";
import { Waiting } from "../../ui/Waiting";
import { history, UPDATE_EVENTS, withoutName } from "./history";

const [BEGUN, DONE, FAILED] = UPDATE_EVENTS;
const PAGE = 50;

export function UpdateHistory({ id, name }: { readonly id: string; readonly name: string }) {
  const asked = [useTold(id, BEGUN), useTold(id, DONE), useTold(id, FAILED)];
  const error = asked.find((one) => one.error)?.error;
  const rows = history(
    asked.map(({ data }) => ({ list: data?.list ?? [], more: Boolean(data?.next?.pageToken) })),
  );
  return (
    <>
      <Title headingLevel="h2">Update history</Title>
      {error && <Problem error={error} />}
      {asked.some((one) => one.isPending) ? (
        <Waiting what="the history of updates" />
      ) : (
        <Rows rows={rows} name={name} />
      )}
    </>
  );
}

const useTold = (id: string, eventType: string) =>
  useReadOwn<Listed<EventRow>>("/v1/devices/id/{objid}/events", {
    params: { objid: id },
    query: { eventType, "next.pageSize": PAGE },
  });

function Rows({ rows, name }: { readonly rows: readonly EventRow[]; readonly name: string }) {
  if (rows.length === 0) return <p>No update was told of yet.</p>;
  return (
    <Table aria-label="Update history" variant="compact">
      <Thead>
        <Tr>
          <Th>When</Th>
          <Th>How</Th>
          <Th>What happened</Th>
        </Tr>
      </Thead>
      <Tbody>
        {rows.map((one) => (
          <Tr key={one.id ?? `${one.timestamp}${one.description}`}>
            <Td dataLabel="When">
              <Age at={one.timestamp} />
            </Td>
            <Td dataLabel="How">
              <State word={one.severity} />
            </Td>
            <Td dataLabel="What happened" modifier="breakWord">
              <bdi>{withoutName(one.description, name)}</bdi>
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
