/** The two slots of the base OS, how far an update is, why one fell back, and what was before. */
import { Progress } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { NodeStatus } from "../../api/types";
import { useSession } from "../../session/Session";
import { Do } from "../../ui/Do";
import { State } from "../../ui/State";
import { UpdateHistory } from "./UpdateHistory";

export function NodeUpdates({ id, node }: { readonly id: string; readonly node: NodeStatus }) {
  const { api, may } = useSession();
  const slots = node.swInfo ?? [];
  const failed = slots.some((one) => one.swError?.description);
  return (
    <>
      {slots.length === 0 && <p>The node has told of no slot yet.</p>}
      <Table aria-label="Slots" variant="compact" hidden={slots.length === 0}>
        <Thead>
          <Tr>
            <Th>Slot</Th>
            <Th>State</Th>
            <Th>Version</Th>
            <Th>Progress</Th>
            <Th>Error</Th>
          </Tr>
        </Thead>
        <Tbody>
          {slots.map((one) => (
            <Tr key={`${one.partitionLabel}-${one.shortVersion}`}>
              <Td dataLabel="Slot">
                {one.partitionLabel} {one.activated && "(runs)"}
              </Td>
              <Td dataLabel="State">
                <State word={one.partitionState?.toUpperCase() || one.status} />
              </Td>
              <Td dataLabel="Version">{one.shortVersion || one.longVersion}</Td>
              <Td dataLabel="Progress">
                {one.downloadProgress && one.downloadProgress < 100 ? (
                  <Progress aria-label="Download" value={one.downloadProgress} size="sm" />
                ) : (
                  one.swSubStatusStr
                )}
              </Td>
              <Td dataLabel="Error">
                <bdi>{one.swError?.description}</bdi>
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      {failed && may("accessDevice", "Execute") && (
        <Do
          name="Try the update again"
          consequence="The node downloads and boots the image again; when its test fails it falls back by itself."
          work={() => api.put("/v1/devices/id/{id}/baseos/upgrade/retry", { params: { id } })}
        />
      )}
      <UpdateHistory id={id} name={node.name ?? ""} />
    </>
  );
}
