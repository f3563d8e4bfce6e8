/** One app instance: how it stands and why, its resources, its log, its life. */
import {
  ActionList,
  ActionListItem,
  Breadcrumb,
  BreadcrumbItem,
  Stack,
  StackItem,
  Title,
} from "@patternfly/react-core";
import { Link, useNavigate, useParams } from "react-router";
import type { AppStatus } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Answer } from "../../ui/Answer";
import { bytes } from "../../ui/bytes";
import { Chart } from "../../ui/Chart";
import { Do } from "../../ui/Do";
import { Facts } from "../../ui/Facts";
import { Flows } from "../../ui/Flows";
import { Logs } from "../../ui/Logs";
import { ANYWAY } from "../../ui/leaving";
import { ObjectText } from "../../ui/ObjectPage";
import { State } from "../../ui/State";
import { Tabbed } from "../../ui/Tabbed";
import { Timeline } from "../../ui/Timeline";
import { WhyTree } from "../../ui/WhyTree";
import { worded } from "../../ui/words";

const CONFIG = "/v1/apps/instances/id/{id}";
const KIBIBYTE = 1024; // as the contract counts memory
const CHARTS = [
  ["Processor", "CPU_USAGE"],
  ["Memory", "MEMORY_TOTAL"],
  ["Disk", "STORAGE_UTILIZATION"],
  ["Network", "NETWORK_RATES"],
] as const;

export function Instance() {
  const { id = "", tab } = useParams();
  const status = useRead("/v1/apps/instances/id/{id}/status", { params: { id } });
  return (
    <Answer query={status} what="the app instance">
      {(app) => (
        <Stack hasGutter>
          <StackItem>
            <Breadcrumb>
              <BreadcrumbItem>
                <Link to="/instances">App instances</Link>
              </BreadcrumbItem>
              <BreadcrumbItem isActive>
                <bdi>{app.name}</bdi>
              </BreadcrumbItem>
            </Breadcrumb>
            <Title headingLevel="h1" className="eaves-long">
              <bdi>{app.name}</bdi> <State word={app.runState} />
            </Title>
            <Life id={id} app={app} />
          </StackItem>
          <StackItem>
            <Tabbed
              label="About this app instance"
              base={`/instances/${id}`}
              tab={tab}
              tabs={[
                { key: "state", title: "State", body: () => <Standing id={id} app={app} /> },
                {
                  key: "asked",
                  title: "Configuration",
                  body: () => <InstanceText id={id} />,
                },
                {
                  key: "logs",
                  title: "Log",
                  body: () => <Logs path="/v1/apps/instances/id/{id}/logs" id={id} />,
                },
                { key: "charts", title: "Charts", body: () => <Charts id={id} /> },
                {
                  key: "flows",
                  title: "Traffic",
                  body: () => <Flows kind="apps/instances" id={id} />,
                },
                {
                  key: "events",
                  title: "Events",
                  body: () => <Timeline path="/v1/apps/instances/id/{objid}/events" id={id} />,
                },
              ]}
            />
          </StackItem>
        </Stack>
      )}
    </Answer>
  );
}

function Life({ id, app }: { readonly id: string; readonly app: AppStatus }) {
  const { api, may } = useSession();
  const navigate = useNavigate();
  const params = { id };
  const stopped = app.adminState === "ADMIN_STATE_INACTIVE" || app.runState === "RUN_STATE_HALTED";
  return (
    <ActionList>
      {may("accessAppInstance", "Update") && (
        <ActionListItem>
          {stopped ? (
            <Do
              name="Start"
              consequence="The app starts with the volumes that it has."
              work={() => api.put("/v1/apps/instances/id/{id}/activate", { params })}
            />
          ) : (
            <Do
              name="Stop"
              consequence="The app stops; its volumes stay."
              work={() => api.put("/v1/apps/instances/id/{id}/deactivate", { params })}
            />
          )}
        </ActionListItem>
      )}
      {may("accessAppInstance", "Execute") && (
        <>
          <ActionListItem>
            <Do
              name="Restart"
              consequence="The app stops and starts; its volumes stay."
              work={() => api.put("/v1/apps/instances/id/{id}/restart", { params })}
            />
          </ActionListItem>
          <ActionListItem>
            <Do
              name="Refresh"
              consequence="The app comes to the newest version of its bundle, and restarts when that is another one."
              work={() => api.put("/v1/apps/instances/id/{id}/refresh", { params })}
            />
          </ActionListItem>
          <ActionListItem>
            <Do
              name="Purge"
              danger
              consequence="The app starts anew with new volumes from its images: what it wrote to its volumes is lost."
              work={() => api.put("/v1/apps/instances/id/{id}/refresh/purge", { params })}
            />
          </ActionListItem>
        </>
      )}
      {may("accessAppInstance", "Delete") && (
        <ActionListItem>
          <Do
            name="Delete"
            danger
            consequence="The app stops and its volumes are deleted from the node."
            work={() => api.remove("/v1/apps/instances/id/{id}", { params })}
            done={() => navigate("/instances", { state: ANYWAY })}
          />
        </ActionListItem>
      )}
    </ActionList>
  );
}

/** What it is asked to be, as text. */
function InstanceText({ id }: { readonly id: string }) {
  const found = useRead(CONFIG, { params: { id }, every: 3_600_000 });
  return (
    <Answer query={found} what="its configuration">
      {(object) => (
        <ObjectText
          id={id}
          noun="App instance"
          list="/instances"
          area="accessAppInstance"
          path={CONFIG}
          object={object}
          stays
        />
      )}
    </Answer>
  );
}

function Standing({ id, app }: { readonly id: string; readonly app: AppStatus }) {
  const asked = useRead(CONFIG, { params: { id } });
  const { cpus, memory } = asked.data?.vminfo ?? {};
  const addresses = (app.netStatusList ?? []).flatMap((one) => one.ipAddrs ?? []);
  return (
    <Stack hasGutter>
      <StackItem>
        <WhyTree kind="instance" id={id} />
      </StackItem>
      <StackItem>
        <Facts
          facts={[
            [
              "Node",
              app.deviceId ? (
                <Link key="node" to={`/nodes/${app.deviceId}`}>
                  {app.device?.deviceName ?? app.deviceId}
                </Link>
              ) : (
                ""
              ),
            ],
            [
              "App",
              app.appId ? (
                <Link key="app" to={`/apps/${app.appId}`}>
                  {app.app?.appName ?? app.appId}
                </Link>
              ) : (
                ""
              ),
            ],
            ["Kind", worded(app.appType)],
            ["Addresses", addresses.join(", ")],
            ["Processors", cpus ? String(cpus) : ""],
            ["Memory", memory ? bytes(Number(memory) * KIBIBYTE) : ""],
            ["Disks", (asked.data?.drives ?? []).map((one) => one.imagename).join(", ")],
            ["Networks", (asked.data?.interfaces ?? []).map(networkOf).join(", ")],
            ["Started", <Age key="boot" at={app.bootTime} />],
            ["Last told", <Age key="update" at={app.lastUpdate} />],
          ]}
        />
      </StackItem>
    </Stack>
  );
}

/** The network instance of an interface, or the adapter that the app holds itself. */
const networkOf = (one: {
  readonly intfname?: string;
  readonly netinstname?: string;
  readonly directattach?: boolean;
}) =>
  `${one.intfname ?? ""} ${one.directattach ? "held by itself" : `on ${one.netinstname ?? ""}`}`;

function Charts({ id }: { readonly id: string }) {
  return (
    <div className="eaves-charts">
      {CHARTS.map(([title, metric]) => (
        <Chart
          key={metric}
          title={title}
          path="/v1/apps/instances/id/{objid}/timeSeries/{mType}"
          id={id}
          metric={metric}
        />
      ))}
    </div>
  );
}
