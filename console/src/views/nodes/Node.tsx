/** One node: what it is, how it stands and why, and what can be done about it. */
import {
  Breadcrumb,
  BreadcrumbItem,
  Content,
  Stack,
  StackItem,
  Title,
} from "@patternfly/react-core";
import { Link, useParams } from "react-router";
import type { NodeStatus } from "../../api/types";
import { useRead } from "../../api/useRead";
import { Age } from "../../ui/Age";
import { Answer } from "../../ui/Answer";
import { bytes } from "../../ui/bytes";
import { Chart } from "../../ui/Chart";
import { Facts } from "../../ui/Facts";
import { Flows } from "../../ui/Flows";
import { Logs } from "../../ui/Logs";
import { State } from "../../ui/State";
import { Tabbed } from "../../ui/Tabbed";
import { Timeline } from "../../ui/Timeline";
import { WhyTree } from "../../ui/WhyTree";
import { worded } from "../../ui/words";
import { Attestation } from "./Attestation";
import { NodeActions } from "./NodeActions";
import { NodeAdapters } from "./NodeAdapters";
import { NodeApps } from "./NodeApps";
import { NodeText } from "./NodeText";
import { NodeUpdates } from "./NodeUpdates";
import { NodeWiring } from "./NodeWiring";
import { Onboarding } from "./Onboarding";

const MEGABYTE = 1024 ** 2; // as nodes count
const CHARTS = [
  ["Processor", "CPU_USAGE"],
  ["Memory", "MEMORY_UTILIZATION"],
  ["Disk", "STORAGE_UTILIZATION"],
  ["Network", "NETWORK_RATES"],
] as const;

export function Node() {
  const { id = "", tab } = useParams();
  const status = useRead("/v1/devices/id/{id}/status", { params: { id } });
  return (
    <Answer query={status} what="the node">
      {(node) => (
        <Stack hasGutter>
          <StackItem>
            <Breadcrumb>
              <BreadcrumbItem>
                <Link to="/nodes">Nodes</Link>
              </BreadcrumbItem>
              <BreadcrumbItem isActive>
                <bdi>{node.name}</bdi>
              </BreadcrumbItem>
            </Breadcrumb>
            <Title headingLevel="h1" className="eaves-long">
              <bdi>{node.name}</bdi> <State word={node.runState} />
            </Title>
            <NodeActions id={id} node={node} />
          </StackItem>
          <StackItem>
            <Tabbed
              label="About this node"
              base={`/nodes/${id}`}
              tab={tab}
              tabs={[
                { key: "state", title: "State", body: () => <Standing id={id} node={node} /> },
                { key: "attestation", title: "Attestation", body: () => <Attestation id={id} /> },
                { key: "adapters", title: "Adapters", body: () => <NodeAdapters node={node} /> },
                {
                  key: "connections",
                  title: "Connections",
                  body: () => <NodeWiring id={id} node={node} />,
                },
                {
                  key: "asked",
                  title: "Configuration",
                  body: () => <NodeText id={id} />,
                },
                {
                  key: "updates",
                  title: "Updates",
                  body: () => <NodeUpdates id={id} node={node} />,
                },
                { key: "apps", title: "Apps", body: () => <NodeApps name={node.name ?? ""} /> },
                { key: "charts", title: "Charts", body: () => <Charts id={id} /> },
                { key: "flows", title: "Traffic", body: () => <Flows kind="devices" id={id} /> },
                {
                  key: "logs",
                  title: "Logs",
                  body: () => <Logs path="/v1/eaves/devices/id/{id}/logs" id={id} />,
                },
                {
                  key: "events",
                  title: "Events",
                  body: () => <Timeline path="/v1/devices/id/{objid}/events" id={id} />,
                },
              ]}
            />
          </StackItem>
        </Stack>
      )}
    </Answer>
  );
}

function Standing({ id, node }: { readonly id: string; readonly node: NodeStatus }) {
  const fresh = node.runState === "RUN_STATE_UNPROVISIONED";
  return (
    <Stack hasGutter>
      <StackItem>
        <WhyTree kind="device" id={id} />
      </StackItem>
      {fresh && (
        <StackItem>
          <Onboarding id={id} />
        </StackItem>
      )}
      <StackItem>
        <Facts
          facts={[
            ["Title", node.title],
            ["Asked for", worded(node.adminState)],
            ["Attestation", <State key="attestation" word={node.attestState} />],
            ["Last heard of", <Age key="update" at={node.lastUpdate} />],
            ["Booted", <Age key="boot" at={node.bootTime} />],
            ["Last reboot", node.lastRebootReason ? worded(node.lastRebootReason) : ""],
            [
              "Maker",
              [node.minfo?.manufacturer, node.minfo?.productName].filter(Boolean).join(" "),
            ],
            ["Serial number", node.minfo?.serialNumber],
            [
              "Processors",
              node.dinfo?.nCpu ? `${node.dinfo.nCpu} (${node.dinfo.cpuArch ?? ""})` : "",
            ],
            ["Memory", node.dinfo?.memMB ? bytes(Number(node.dinfo.memMB) * MEGABYTE) : ""],
            ["Disk", node.dinfo?.storageMB ? bytes(Number(node.dinfo.storageMB) * MEGABYTE) : ""],
            ["Host name", node.hostName],
            ["Id", id],
          ]}
        />
      </StackItem>
      {(node.devError ?? []).map((one) => (
        <StackItem key={one.description}>
          <Content component="p">
            <State word={one.severity} /> <bdi>{one.description}</bdi>
          </Content>
        </StackItem>
      ))}
    </Stack>
  );
}

function Charts({ id }: { readonly id: string }) {
  return (
    <div className="eaves-charts">
      {CHARTS.map(([title, metric]) => (
        <Chart
          key={metric}
          title={title}
          path="/v1/devices/id/{objid}/timeSeries/{mType}"
          id={id}
          metric={metric}
        />
      ))}
    </div>
  );
}
