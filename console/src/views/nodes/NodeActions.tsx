/** What can be done with a node, each with its consequence; nothing that the role may not. */
import { ActionList, ActionListItem } from "@patternfly/react-core";
import { useNavigate } from "react-router";
import type { PathOf } from "../../api/client";
import type { NodeStatus } from "../../api/types";
import type { Verb } from "../../rights/rights";
import { useSession } from "../../session/Session";
import { Do } from "../../ui/Do";
import { ANYWAY } from "../../ui/leaving";
import { Touched } from "./Touched";

interface Action {
  readonly name: string;
  readonly path: PathOf<"put">;
  readonly verb: Verb;
  readonly consequence: string;
  readonly danger?: boolean;
  /** Apps of the node stop, or are left to themselves: they are named. */
  readonly touches?: boolean;
  readonly fits: (node: NodeStatus) => boolean;
}

const active = (node: NodeStatus) => node.adminState !== "ADMIN_STATE_INACTIVE";

const ACTIONS: readonly Action[] = [
  {
    name: "Activate",
    path: "/v1/devices/id/{id}/activate",
    verb: "Update",
    consequence:
      "The node is given its configuration again, and starts the apps that it should run.",
    fits: (node) =>
      node.adminState !== "ADMIN_STATE_ACTIVE" && node.adminState !== "ADMIN_STATE_REGISTERED",
  },
  {
    name: "Reboot",
    path: "/v1/devices/id/{id}/reboot",
    verb: "Execute",
    consequence: "The node stops its apps in order and restarts; they are away until it is back.",
    touches: true,
    fits: (node) => active(node) && node.runState !== "RUN_STATE_UNPROVISIONED",
  },
  {
    name: "Deactivate",
    path: "/v1/devices/id/{id}/deactivate",
    verb: "Update",
    consequence:
      "All apps of the node stop; their volumes stay. The node goes on asking for its configuration.",
    danger: true,
    touches: true,
    fits: active,
  },
  {
    name: "Prepare power off",
    path: "/v1/devices/id/{id}/preparepoweroff",
    verb: "Execute",
    consequence:
      "The node stops its apps in order and says when its power may be cut; it starts them again after its next boot.",
    danger: true,
    touches: true,
    fits: (node) => node.runState !== "RUN_STATE_UNPROVISIONED",
  },
  {
    name: "Offboard",
    path: "/v1/devices/id/{id}/offboard",
    verb: "Update",
    consequence:
      "The controller forgets the certificate of this machine. It has to be onboarded again before it is given anything.",
    danger: true,
    fits: (node) => node.runState !== "RUN_STATE_UNPROVISIONED",
  },
];

export function NodeActions({ id, node }: { readonly id: string; readonly node: NodeStatus }) {
  const { api, may } = useSession();
  const navigate = useNavigate();
  const params = { id };
  return (
    <ActionList>
      {ACTIONS.filter((one) => may("accessDevice", one.verb) && one.fits(node)).map((one) => (
        <ActionListItem key={one.name}>
          <Do
            name={one.name}
            consequence={one.consequence}
            danger={one.danger ?? false}
            work={() => api.put(one.path, { params })}
          >
            {one.touches && <Touched node={node.name ?? ""} />}
          </Do>
        </ActionListItem>
      ))}
      {may("accessDevice", "Delete") && (
        <ActionListItem>
          <Do
            name="Delete"
            consequence="The record of this node is deleted. What still refers to it is named, and has to go first."
            danger
            work={() => api.remove("/v1/devices/id/{id}", { params })}
            done={() => navigate("/nodes", { state: ANYWAY })}
          />
        </ActionListItem>
      )}
    </ActionList>
  );
}
