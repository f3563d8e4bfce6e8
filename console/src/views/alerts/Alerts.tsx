/** Incidents: what an alert rule saw, since when, and whether it is over. */
import {
  EmptyState,
  EmptyStateBody,
  FormSelect,
  FormSelectOption,
  Title,
} from "@patternfly/react-core";
import { CheckCircleIcon } from "@patternfly/react-icons";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { Link, useSearchParams } from "react-router";
import type { Incident } from "../../api/own";
import { useMore } from "../../api/useMore";
import { Age } from "../../ui/Age";
import { Answer } from "../../ui/Answer";
import { More } from "../../ui/More";
import { State } from "../../ui/State";
import { inWords } from "../../ui/words";

const PAGE = 100;

export function Alerts() {
  const [params, setParams] = useSearchParams();
  const open = params.get("open") ?? "true";
  const { told, rows } = useMore<Incident>("/v1/eaves/incidents", {
    query: { open: open === "all" ? undefined : open, "next.pageSize": PAGE },
  });
  return (
    <section aria-label="Alerts">
      <Title headingLevel="h1">Alerts</Title>
      <FormSelect
        className="eaves-filter"
        aria-label="Which alerts"
        value={open}
        onChange={(_event, value) => setParams(value === "true" ? {} : { open: value })}
      >
        <FormSelectOption value="true" label="Open alerts" />
        <FormSelectOption value="false" label="Alerts that ended" />
        <FormSelectOption value="all" label="All alerts" />
      </FormSelect>
      <Answer query={told} what="alerts">
        {() =>
          rows.length === 0 ? (
            <EmptyState variant="sm" icon={CheckCircleIcon} headingLevel="h2" titleText="No alerts">
              <EmptyStateBody>
                Alert rules say what is watched; <Link to="/library/alert-rules">look at them</Link>
                .
              </EmptyStateBody>
            </EmptyState>
          ) : (
            <Table aria-label="Incidents" variant="compact" isStickyHeader>
              <Thead>
                <Tr>
                  <Th>Severity</Th>
                  <Th>About</Th>
                  <Th>What was seen</Th>
                  <Th>Rule</Th>
                  <Th>Since</Th>
                  <Th>Ended</Th>
                </Tr>
              </Thead>
              <Tbody>
                {rows.map((one) => (
                  <Tr key={one.id}>
                    <Td dataLabel="Severity">
                      <State word={one.severity} />
                    </Td>
                    <Td dataLabel="About" modifier="breakWord">
                      {one.deviceId ? (
                        <Link to={`/nodes/${one.deviceId}`}>
                          <bdi>{one.deviceName || one.objectName}</bdi>
                        </Link>
                      ) : (
                        <bdi>{one.objectName}</bdi>
                      )}
                    </Td>
                    <Td dataLabel="What was seen" modifier="breakWord">
                      {inWords(one.text)}
                    </Td>
                    <Td dataLabel="Rule">
                      <bdi>{one.ruleName}</bdi>
                    </Td>
                    <Td dataLabel="Since">
                      <Age at={one.openedAt} />
                    </Td>
                    <Td dataLabel="Ended">
                      {one.closedAt ? (
                        <>
                          <Age at={one.closedAt} />: {one.closedWhy}
                        </>
                      ) : (
                        "not yet"
                      )}
                    </Td>
                  </Tr>
                ))}
              </Tbody>
            </Table>
          )
        }
      </Answer>
      <More told={told} name="Older alerts" />
    </section>
  );
}
