/** Who did what, with before and after; and whether the chain of the log is whole. */
import { Alert, Button, Title, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { stringify } from "yaml";
import { useMore } from "../../api/useMore";
import { filteredAt } from "../../list/state";
import { Typed } from "../../list/Typed";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { More } from "../../ui/More";
import { Problem } from "../../ui/Problem";
import { Waiting } from "../../ui/Waiting";
import { kindOf } from "../../ui/words";
import { type Checked, whole } from "./chain";

interface Line {
  readonly number: number;
  readonly at: string;
  readonly user: string;
  readonly client: string;
  readonly requestId: string;
  readonly verb: string;
  readonly result: string;
  readonly objectKind: string;
  readonly objectName: string;
  readonly changes: unknown;
}

const PATH = "/v1/eaves/audit";
const PAGE = 100;
const FILTERS = [
  ["user", "User"],
  ["objectName", "Object"],
  ["verb", "What was done"],
] as const;

export function Audit() {
  const [params, setParams] = useSearchParams();
  const asked = Object.fromEntries(FILTERS.map(([name]) => [name, params.get(name) ?? ""]));
  const change = (name: string, value: string) =>
    setParams(filteredAt(window.location.search, name, value), { replace: true });
  const { told, rows } = useMore<Line>(PATH, { query: { ...asked, "next.pageSize": PAGE } });
  return (
    <section aria-label="Audit log">
      <Title headingLevel="h1">Audit log</Title>
      <Chain />
      <Toolbar aria-label="Filters">
        <ToolbarContent>
          {FILTERS.map(([name, label]) => (
            <ToolbarItem key={name}>
              <Typed
                label={label}
                value={asked[name] ?? ""}
                onValue={(text) => change(name, text)}
              />
            </ToolbarItem>
          ))}
        </ToolbarContent>
      </Toolbar>
      {told.isError && <Problem error={told.error} />}
      {told.isPending && <Waiting what="the audit log" />}
      <Table aria-label="Audit log" variant="compact">
        <Thead>
          <Tr>
            <Th screenReaderText="Show what changed" />
            <Th>When</Th>
            <Th>Who</Th>
            <Th>Did</Th>
            <Th>To</Th>
            <Th>Result</Th>
          </Tr>
        </Thead>
        {rows.map((one, index) => (
          <Row key={one.number} one={one} index={index} />
        ))}
      </Table>
      <More told={told} name="Older entries" />
    </section>
  );
}

function Row({ one, index }: { readonly one: Line; readonly index: number }) {
  const [open, setOpen] = useState(false);
  return (
    <Tbody isExpanded={open}>
      <Tr>
        <Td expand={{ rowIndex: index, isExpanded: open, onToggle: () => setOpen(!open) }} />
        <Td dataLabel="When">
          <Age at={one.at} />
        </Td>
        <Td dataLabel="Who">
          <bdi>{one.user}</bdi>
        </Td>
        <Td dataLabel="Did">{one.verb}</Td>
        <Td dataLabel="To" modifier="breakWord">
          <span>
            {kindOf(one.objectKind)} <bdi>{one.objectName}</bdi>
          </span>
        </Td>
        <Td dataLabel="Result">{one.result}</Td>
      </Tr>
      {open && (
        <Tr isExpanded>
          <Td colSpan={6}>
            <ExpandableRowContent>
              <pre className="eaves-log">{stringify(one.changes ?? {})}</pre>
              <small>
                Entry {one.number}, request {one.requestId}, from <bdi>{one.client}</bdi>
              </small>
            </ExpandableRowContent>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}

function Chain() {
  const { api } = useSession();
  const checking = useMutation({
    mutationFn: () =>
      whole((from, anchor) =>
        api.getOwn<Checked>("/v1/eaves/audit/verify", { query: { from, anchor } }),
      ),
  });
  return (
    <div className="eaves-rows">
      <div>
        <Button
          variant="secondary"
          isLoading={checking.isPending}
          onClick={() => checking.mutate()}
        >
          Check the chain
        </Button>
      </div>
      {checking.isError && <Problem error={checking.error} />}
      {checking.data && (
        <Alert
          isInline
          variant={checking.data.intact ? "success" : "danger"}
          title={
            checking.data.intact
              ? `All ${checking.data.checked} entries are as they were written`
              : "The log was changed, cut or damaged"
          }
        >
          {checking.data.fault}
        </Alert>
      )}
    </div>
  );
}
