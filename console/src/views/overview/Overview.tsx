/** The page that stays open all day: what needs a person first, then how the fleet stands. */
import {
  Button,
  Card,
  CardBody,
  CardTitle,
  EmptyState,
  List,
  ListItem,
  Stack,
  StackItem,
  Title,
} from "@patternfly/react-core";
import { Table, Tbody, Thead, Tr } from "@patternfly/react-table";
import type { UseQueryResult } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import { Link } from "react-router";
import type { Attention, Spreading } from "../../api/own";
import type { AppRow, Listed } from "../../api/types";
import { useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { bytes } from "../../ui/bytes";
import { Cell, Head } from "../../ui/Cell";
import { Problem } from "../../ui/Problem";
import { State } from "../../ui/State";
import { Waiting } from "../../ui/Waiting";
import { attention, type Item } from "./attention";
import { ATTENTION, answered, isFirstHour, totalOf } from "./first";
import { mostOf } from "./most";
import { Spread } from "./Spread";

const FirstHour = lazy(async () => ({ default: (await import("./FirstHour")).FirstHour }));
const Places = lazy(async () => ({ default: (await import("./Places")).Places }));

const SELDOM_MS = 300_000; // no event tells it, and the controller reads all reports for it
const FIRST = 10; // the worst; the rest is one click away

export function Overview() {
  const { told, apps } = useSeen();
  const shown = useShown(told.data !== undefined);
  const states = told.data?.states;
  const nodes = states && totalOf(states);
  const running = apps.data?.summaryByState && totalOf(apps.data.summaryByState.values ?? {});
  const empty = nodes === 0;
  return (
    <Stack hasGutter>
      {nodes !== undefined && isFirstHour(nodes, running) && (
        <StackItem>
          <Suspense fallback={<Waiting what="the first steps" />}>
            <FirstHour nodes={nodes} />
          </Suspense>
        </StackItem>
      )}
      <StackItem>
        <Title headingLevel="h1">Needs a person</Title>
        <Told told={told} apps={apps} />
      </StackItem>
      {states && shown && !empty && (
        <StackItem>
          <div className="eaves-cards eaves-figures">
            <Figure title="Nodes by state" values={states} to="/nodes" filter="runState" />
            {apps.data?.summaryByState && (
              <Figure
                title="App instances by state"
                values={apps.data.summaryByState.values}
                to="/instances"
                filter="runState"
              />
            )}
            <Fleet />
            <Suspense fallback={null}>
              <Places />
            </Suspense>
          </div>
        </StackItem>
      )}
    </Stack>
  );
}

/** Whether this was drawn, and the page has listened to who uses it: the rest can follow. */
function useShown(there: boolean): boolean {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!there) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const frame = requestAnimationFrame(() => {
      timer = setTimeout(() => setShown(true));
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [there]);
  return shown;
}

/** The list first and alone; then the apps, which the controller looks through one by one. */
function useSeen() {
  const { may } = useSession();
  const nodesToo = may("accessDevice", "Read");
  const told = useReadOwn<Attention>(ATTENTION.path, {
    query: ATTENTION.query,
    enabled: nodesToo,
  });
  const apps = useReadOwn<Listed<AppRow>>("/v1/apps/instances/status-config", {
    query: { runState: "ERROR", ...ATTENTION.query },
    enabled: may("accessAppInstance", "Read") && (!nodesToo || answered(told)),
  });
  return { told, apps };
}

interface Seen {
  readonly told: UseQueryResult<Attention>;
  readonly apps: UseQueryResult<Listed<AppRow>>;
}

/** What is there is shown; only where nothing is yet, somebody waits. */
function Told({ told, apps }: Seen) {
  const parts = told.data;
  const items = attention({
    incidents: parts?.incidents.list ?? [],
    rollouts: parts?.rollouts.list ?? [],
    nodes: parts?.nodes.list ?? [],
    unattested: parts?.unattested.list ?? [],
    unclaimed: parts?.unclaimed.list ?? [],
    apps: apps.data?.list ?? [],
  });
  const asked = [told, apps];
  const waiting = items.length === 0 && asked.some((one) => !one.data && one.isFetching);
  return (
    <>
      {asked.map((one) => one.error && <Problem key={String(one.error)} error={one.error} />)}
      {waiting ? <Waiting what="what needs a person" /> : <Rows items={items} />}
    </>
  );
}

function Rows({ items }: { readonly items: readonly Item[] }) {
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
            <Head>State</Head>
            <Head>What</Head>
            <Head>Why</Head>
            <Head>Where</Head>
            <Head>Since</Head>
          </Tr>
        </Thead>
        <Tbody>
          {rows.map((one) => (
            <Tr key={one.id}>
              <Cell label="State">
                <State word={one.word} />
              </Cell>
              <Cell label="What" broken>
                <Link to={one.to}>
                  <bdi>{one.what}</bdi>
                </Link>
              </Cell>
              <Cell label="Why" broken>
                {one.why}
              </Cell>
              <Cell label="Where" broken>
                <bdi>{one.where}</bdi>
              </Cell>
              <Cell label="Since">{one.since ? <Age at={one.since} /> : "–"}</Cell>
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

/** What nodes say that they run, and how they were attested: counted from all of their reports. */
function Fleet() {
  const spread = useReadOwn<Spreading>("/v1/ext/spread", { every: SELDOM_MS });
  if (!spread.data) return null;
  const { versions, attestation, capacity, more } = spread.data;
  const of = more ? " of the first nodes" : "";
  return (
    <>
      <Figure title={`Versions${of}`} values={mostOf(versions)} to="/nodes" />
      <Figure title={`Attestation${of}`} values={attestation} to="/nodes" />
      {capacity.nodes > 0 && <Capacity title={`Capacity${of}`} of={capacity} />}
    </>
  );
}

function Capacity({ title, of }: { readonly title: string; readonly of: Spreading["capacity"] }) {
  const size = (megabytes: number) => bytes(megabytes * 1024 ** 2);
  return (
    <Card isCompact>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        <List isPlain>
          <ListItem>{of.processors.toLocaleString("en")} processors</ListItem>
          <ListItem>{size(of.memoryMB)} of memory</ListItem>
          <ListItem>{size(of.storageMB)} of disk</ListItem>
        </List>
      </CardBody>
    </Card>
  );
}

function Figure({
  title,
  values,
  to,
  filter,
}: {
  readonly title: string;
  readonly values: Readonly<Record<string, number>> | undefined;
  readonly to: string;
  readonly filter?: string;
}) {
  return (
    <Card isCompact>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        <Spread values={values ?? {}} to={to} filter={filter} />
      </CardBody>
    </Card>
  );
}
