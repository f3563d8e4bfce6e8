/** What people did and what nodes told, newest first; filters stand in the address. */
import {
  EmptyState,
  FormSelect,
  FormSelectOption,
  Title,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useSearchParams } from "react-router";
import type { EventRow } from "../../api/types";
import { useMore } from "../../api/useMore";
import { filteredAt } from "../../list/state";
import { Typed } from "../../list/Typed";
import { Age } from "../../ui/Age";
import { More } from "../../ui/More";
import { Problem } from "../../ui/Problem";
import { State } from "../../ui/State";
import { Waiting } from "../../ui/Waiting";
import { inWords } from "../../ui/words";

const PAGE = 100;
const PATH = "/v1/events";

export function Events() {
  const [params, setParams] = useSearchParams();
  const severity = params.get("severity") ?? "";
  const search = params.get("search") ?? "";
  const user = params.get("user") ?? "";
  const change = (name: string, value: string) =>
    setParams(filteredAt(window.location.search, name, value), { replace: true });
  const { told, rows } = useMore<EventRow>(PATH, {
    query: { severity, search, user, "next.pageSize": PAGE },
  });
  return (
    <section aria-label="Events">
      <Title headingLevel="h1">Events</Title>
      <Toolbar aria-label="Filters">
        <ToolbarContent>
          <ToolbarItem>
            <Typed
              label="Words of the description"
              hint="Search"
              value={search}
              onValue={(text) => change("search", text)}
            />
          </ToolbarItem>
          <ToolbarItem>
            <FormSelect
              aria-label="Severity"
              value={severity}
              onChange={(_event, word) => change("severity", word)}
            >
              <FormSelectOption value="" label="Every severity" />
              <FormSelectOption value="NOTICE" label="Notice" />
              <FormSelectOption value="WARNING" label="Warning" />
              <FormSelectOption value="ERROR" label="Error" />
            </FormSelect>
          </ToolbarItem>
          <ToolbarItem>
            <Typed label="User" value={user} onValue={(text) => change("user", text)} />
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      {told.isError && <Problem error={told.error} />}
      {told.isPending && <Waiting what="events" />}
      {told.isSuccess && rows.length === 0 && (
        <EmptyState
          variant="sm"
          headingLevel="h2"
          titleText={search || severity || user ? "Nothing fits these filters" : "No events yet"}
        />
      )}
      <Table aria-label="Events" variant="compact" isStickyHeader hidden={rows.length === 0}>
        <Thead>
          <Tr>
            <Th>Severity</Th>
            <Th>When</Th>
            <Th>What</Th>
            <Th>Node</Th>
            <Th>Project</Th>
            <Th>User</Th>
          </Tr>
        </Thead>
        <Tbody>
          {rows.map((one) => (
            <Tr key={one.id ?? `${one.timestamp}${one.description}`}>
              <Td dataLabel="Severity">
                <State word={one.severity} />
              </Td>
              <Td dataLabel="When">
                <Age at={one.timestamp} />
              </Td>
              <Td dataLabel="What" modifier="breakWord">
                <bdi>{inWords(one.description)}</bdi>
              </Td>
              <Td dataLabel="Node">
                <bdi>{one.device}</bdi>
              </Td>
              <Td dataLabel="Project">
                <bdi>{one.project}</bdi>
              </Td>
              <Td dataLabel="User">
                <bdi>{one.user}</bdi>
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      <More told={told} name="Older events" />
    </section>
  );
}
