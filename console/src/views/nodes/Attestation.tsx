/** What the machine proved that it booted, what differs, and one click to accept it. */
import { ExpandableSection, List, ListItem, Stack, StackItem } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { Attestation as Told } from "../../api/own";
import { useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Answer } from "../../ui/Answer";
import { Do } from "../../ui/Do";
import { Facts } from "../../ui/Facts";
import { State } from "../../ui/State";

export function Attestation({ id }: { readonly id: string }) {
  const told = useReadOwn<{ readonly attestation: Told }>("/v1/devices/id/{id}/attestation", {
    params: { id },
  });
  return (
    <Answer query={told} what="the attestation">
      {({ attestation }) => <Shown id={id} told={attestation} />}
    </Answer>
  );
}

function Shown({ id, told }: { readonly id: string; readonly told: Told }) {
  const { api, may } = useSession();
  const { quote } = told;
  return (
    <Stack hasGutter>
      <StackItem>
        <Facts
          facts={[
            ["State", <State key="state" word={told.state} />],
            ["Why", told.detail],
            ["Attested", <Age key="at" at={told.attestedAt} />],
            ["Enforced", told.enforced ? "yes: nothing is given without it" : "no"],
            ["Blocked", told.blocked],
            ["Template", quote?.template],
            ["Version", quote?.eveVersion],
            ["Firmware", quote?.firmwareVersion],
          ]}
        />
      </StackItem>
      {quote && quote.differences.length > 0 && (
        <StackItem>
          <strong>What differs</strong>
          <List>
            {quote.differences.map((text) => (
              <ListItem key={text}>
                <bdi>{text}</bdi>
              </ListItem>
            ))}
          </List>
          {may("accessDevice", "Update") && (
            <Do
              name="Accept what it booted"
              consequence="What this node measured becomes a template of its model: every node of the model that boots the same is accepted from now on."
              work={() =>
                api.put("/v1/eaves/devices/id/{id}/attestation/accept", {
                  params: { id },
                  body: { at: quote.at },
                })
              }
            />
          )}
        </StackItem>
      )}
      {quote && (
        <StackItem>
          <ExpandableSection toggleText={`Event log, ${quote.eventLog.length} entries`}>
            <Table aria-label="Event log" variant="compact">
              <Thead>
                <Tr>
                  <Th>PCR</Th>
                  <Th>Type</Th>
                  <Th>What was measured</Th>
                  <Th>Proven</Th>
                </Tr>
              </Thead>
              <Tbody>
                {quote.eventLog.map((one) => (
                  <Tr key={`${one.pcr}-${one.number}`}>
                    <Td dataLabel="PCR">{one.pcr}</Td>
                    <Td dataLabel="Type">{one.type}</Td>
                    <Td dataLabel="What was measured" modifier="breakWord">
                      <bdi>{one.text}</bdi>
                    </Td>
                    <Td dataLabel="Proven">{one.proven ? "yes" : "no"}</Td>
                  </Tr>
                ))}
              </Tbody>
            </Table>
          </ExpandableSection>
        </StackItem>
      )}
    </Stack>
  );
}
