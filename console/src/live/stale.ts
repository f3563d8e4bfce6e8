/** Which answers an event makes old: by the paths that they were asked with. */
import type { StreamEvent } from "../api/own";

/** Kinds of objects as events name them, and the paths that show them. */
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  devices: ["/v1/devices", "/v1/apps/instances", "/v1/eaves/devices", "/v1/eaves/why"],
  app_instances: ["/v1/apps/instances", "/v1/eaves/why"],
  apps: ["/v1/apps"],
  projects: ["/v1/projects", "/v1/eaves/explain"],
  networks: ["/v1/networks"],
  netinsts: ["/v1/netinsts"],
  volume_instances: ["/v1/volumes"],
  datastores: ["/v1/datastores"],
  images: ["/v1/apps/images"],
  sysmodels: ["/v1/sysmodels"],
  brands: ["/v1/brands"],
  users: ["/v1/users", "/v1/eaves/tokens"],
  roles: ["/v1/roles"],
  enterprises: ["/v1/enterprises"],
  rollouts: ["/v1/eaves/rollouts"],
  jobs: ["/v1/jobs"],
  alert_rules: ["/v1/eaves/alert-rules", "/v1/eaves/incidents"],
  alert_channels: ["/v1/eaves/alert-channels"],
};
/** What any event may change. */
const ALWAYS = ["/v1/events", "/v1/eaves/incidents", "/v1/ext/attention"];

export function stalePaths(events: Iterable<StreamEvent>): ReadonlySet<string> {
  const found = new Set(ALWAYS);
  for (const event of events) {
    for (const path of SHOWN[event.resource] ?? []) found.add(path);
    if (event.deviceId) for (const path of SHOWN.devices ?? []) found.add(path);
  }
  return found;
}

/** Whether an answer that was asked for with this path is one of them. */
export function isStale(path: unknown, stale: ReadonlySet<string>): boolean {
  if (typeof path !== "string") return false;
  for (const base of stale) if (path === base || path.startsWith(`${base}/`)) return true;
  return false;
}
