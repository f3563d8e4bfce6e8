import { EmptyState, EmptyStateBody, Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { Link } from "react-router";
import type { Paged, Rollout } from "../../api/own";
import { useReadOwn } from "../../api/useRead";
import { Age } from "../../ui/Age";
import { Answer } from "../../ui/Answer";
import { State } from "../../ui/State";
import { NewRollout } from "./NewRollout";
import { Waves } from "./Waves";

export function Rollouts() {
  const told = useReadOwn<Paged<Rollout>>("/v1/eaves/rollouts", { every: 5_000 });
  return (
    <section aria-label="Roll-outs">
      <Title headingLevel="h1">Roll-outs</Title>
      <div className="eaves-actions">
        <NewRollout operation="BULK_SERVICE_BASEOS_UPDATE" name="New OS roll-out" />
        <NewRollout operation="BULK_SERVICE_APPINSTANCE_REFRESH" name="New app roll-out" />
      </div>
      <Answer query={told} what="roll-outs">
        {({ list }) =>
          list.length === 0 ? (
            <EmptyState variant="sm" headingLevel="h2" titleText="No roll-outs yet">
              <EmptyStateBody>
                A roll-out changes many nodes in waves, and stops by itself when too many fail. What
                the forms above have no field for (windows, budgets, waves by tags) takes{" "}
                <code>eaves rollout create -f FILE</code>.
              </EmptyStateBody>
            </EmptyState>
          ) : (
            <Table aria-label="Roll-outs" variant="compact">
              <Thead>
                <Tr>
                  <Th>Name</Th>
                  <Th>State</Th>
                  <Th>Progress</Th>
                  <Th>Why</Th>
                  <Th>By</Th>
                  <Th>Begun</Th>
                </Tr>
              </Thead>
              <Tbody>
                {list.map((one) => (
                  <Tr key={one.id}>
                    <Td dataLabel="Name" modifier="breakWord">
                      <Link to={`/rollouts/${one.id}`}>
                        <bdi>{one.name}</bdi>
                      </Link>
                    </Td>
                    <Td dataLabel="State">
                      <State word={one.phase} />
                    </Td>
                    <Td dataLabel="Progress">
                      <Waves waves={one.waves} />
                    </Td>
                    <Td dataLabel="Why" modifier="breakWord">
                      {one.reasons.join("; ")}
                    </Td>
                    <Td dataLabel="By">
                      <bdi>{one.user}</bdi>
                    </Td>
                    <Td dataLabel="Begun">
                      <Age at={one.createdAt} />
                    </Td>
                  </Tr>
                ))}
              </Tbody>
            </Table>
          )
        }
      </Answer>
    </section>
  );
}
