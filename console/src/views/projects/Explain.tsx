/** Which nodes a selector means now, and which term keeps the others away. */
import { ExpandableSection, List, ListItem } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import { Link } from "react-router";
import type { Explained } from "../../api/own";
import { useReadOwn } from "../../api/useRead";
import { Answer } from "../../ui/Answer";

const SHOWN = 100;

export function Explain({ kind, id }: { readonly kind: string; readonly id: string }) {
  const [open, setOpen] = useState(false);
  const told = useReadOwn<Explained>("/v1/eaves/explain", {
    query: { kind, id, pageSize: SHOWN },
    enabled: open,
  });
  return (
    <ExpandableSection
      toggleText="Which nodes this means"
      isExpanded={open}
      onToggle={(_event, on) => setOpen(on)}
    >
      {open && (
        <Answer query={told} what="which nodes this means">
          {(found) => (
            <>
              <p>
                {found.matching} of {found.nodes} nodes. {found.warning}
              </p>
              <List>
                {found.selector.map((one) => (
                  <ListItem key={one.term}>
                    <bdi>{one.term}</bdi>: keeps {one.fails} away, {one.failsAlone} of them alone
                  </ListItem>
                ))}
              </List>
              <Table aria-label="Nodes" variant="compact">
                <Thead>
                  <Tr>
                    <Th>Node</Th>
                    <Th>Meant</Th>
                    <Th>Why</Th>
                  </Tr>
                </Thead>
                <Tbody>
                  {found.list.map((one) => (
                    <Tr key={one.id}>
                      <Td dataLabel="Node">
                        <Link to={`/nodes/${one.id}`}>
                          <bdi>{one.name}</bdi>
                        </Link>
                      </Td>
                      <Td dataLabel="Meant">{one.matches ? "yes" : "no"}</Td>
                      <Td dataLabel="Why" modifier="breakWord">
                        {one.reasons.join("; ")}
                      </Td>
                    </Tr>
                  ))}
                </Tbody>
              </Table>
            </>
          )}
        </Answer>
      )}
    </ExpandableSection>
  );
}
