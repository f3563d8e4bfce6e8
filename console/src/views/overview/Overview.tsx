/** The page that stays open all day: what needs a person first, then how the fleet stands. */
import {
  Button,
  Card,
  CardBody,
  CardTitle,
  EmptyState,
  Stack,
  StackItem,
  Title,
} from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import { Link } from "react-router";
import type { Attention as Told } from "../../api/own";
import type { AppRow, Listed, Summary } from "../../api/types";
import { useRead, useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Problem } from "../../ui/Problem";
import { State } from "../../ui/State";
import { Waiting } from "../../ui/Waiting";
import { attention, type Item } from "./attention";
import { FirstHour } from "./FirstHour";
import { Places } from "./Places";
import { Spread } from "./Spread";

const FIRST = 10; // the worst; the rest is one click away
const SHOWN = 50; // of each kind; the lists have all

export function Overview() {
  const seen = useSeen();
  const { may } = useSession();
  const fleet = useRead("/v1/devices/status-config", {
    query: { summary: true },
    enabled: may("accessDevice", "Read"),
  });
  const apps = useRead("/v1/apps/instances/status-config", {
    query: { summary: true },
    enabled: may("accessAppInstance", "Read"),
  });
  const empty = fleet.data?.totalCount === 0;
  return (
    <Stack hasGutter>
      {empty && (
        <StackItem>
          <FirstHour />
        </StackItem>
      )}
      <StackItem>
        <Title headingLevel="h1">Needs a person</Title>
        {seen.failed.map((error) => (
          <Problem key={String(error)} error={error} />
        ))}
        {seen.waiting ? <Waiting what="what needs a person" /> : <Attention items={seen.items} />}
      </StackItem>
      {fleet.data && !empty && (
        <StackItem>
          <div className="eaves-cards">
            <Figure
              title="Nodes by state"
              summary={fleet.data.summaryByState}
              to="/nodes"
              filter="runState"
            />
            {apps.data && (
              <Figure
                title="App instances by state"
                summary={apps.data.summaryByState}
                to="/instances"
                filter="runState"
              />
            )}
            {fleet.data.summaryByEVEDistribution && (
              <Figure title="Versions" summary={fleet.data.summaryByEVEDistribution} to="/nodes" />
            )}
            <Places />
          </div>
        </StackItem>
      )}
    </Stack>
  );
}

function useSeen() {
  const { may } = useSession();
  const nodesToo = may("accessDevice", "Read");
  const query = { "next.pageSize": SHOWN };
  const told = useReadOwn<Told>("/v1/ext/attention", { query, enabled: nodesToo });
  const apps = useReadOwn<Listed<AppRow>>("/v1/apps/instances/status-config", {
    query: { runState: "ERROR", ...query },
    enabled: may("accessAppInstance", "Read"),
  });
  const asked = [told, apps];
  const parts = told.data;
  return {
    items: attention({
      incidents: parts?.incidents.list ?? [],
      rollouts: parts?.rollouts.list ?? [],
      nodes: parts?.nodes.list ?? [],
      unattested: parts?.unattested.list ?? [],
      unclaimed: parts?.unclaimed.list ?? [],
      apps: apps.data?.list ?? [],
    }),
    // what is there is shown; only where nothing is yet, somebody waits
    waiting: asked.every((one) => !one.data && one.isFetching),
    failed: asked.flatMap((one) => (one.error ? [one.error] : [])),
  };
}

function Attention({ items }: { readonly items: readonly Item[] }) {
  const [all, setAll] = useState(false);
  if (items.length === 0)
    return (
      <EmptyState
        variant="sm"
        status="success"
        headingLevel="h2"
        titleText="Nothing does: all is as it was asked for"
      />
    );
  const rows = all ? items : items.slice(0, FIRST);
  return (
    <>
      <Table aria-label="Needs a person" variant="compact" id="attention">
        <Thead>
          <Tr>
            <Th>State</Th>
            <Th>What</Th>
            <Th>Why</Th>
            <Th>Where</Th>
            <Th>Since</Th>
          </Tr>
        </Thead>
        <Tbody>
          {rows.map((one) => (
            <Tr key={one.id}>
              <Td dataLabel="State">
                <State word={one.word} />
              </Td>
              <Td dataLabel="What" modifier="breakWord">
                <Link to={one.to}>
                  <bdi>{one.what}</bdi>
                </Link>
              </Td>
              <Td dataLabel="Why" modifier="breakWord">
                {one.why}
              </Td>
              <Td dataLabel="Where" modifier="breakWord">
                <bdi>{one.where}</bdi>
              </Td>
              <Td dataLabel="Since">{one.since ? <Age at={one.since} /> : "–"}</Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      {rows.length < items.length && (
        <Button variant="link" onClick={() => setAll(true)}>
          Show {items.length - rows.length} more
        </Button>
      )}
    </>
  );
}

function Figure({
  title,
  summary,
  to,
  filter,
}: {
  readonly title: string;
  readonly summary: Summary | undefined;
  readonly to: string;
  readonly filter?: string;
}) {
  return (
    <Card isCompact>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        <Spread values={summary?.values ?? {}} to={to} filter={filter} />
      </CardBody>
    </Card>
  );
}
