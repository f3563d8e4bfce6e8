/** Where one can go: for the navigation, the palette and the shortcuts alike. */
import type { Area } from "../rights/rights";

export interface Place {
  readonly path: string;
  readonly title: string;
  /** What has to be readable for this to be of use; none: it is for everybody. */
  readonly area?: Area;
  /** After `g`. */
  readonly key?: string;
}

export interface Group {
  readonly title: string;
  readonly places: readonly Place[];
}

export const GROUPS: readonly Group[] = [
  {
    title: "Fleet",
    places: [
      { path: "/", title: "Overview", key: "o" },
      { path: "/nodes", title: "Nodes", area: "accessDevice", key: "n" },
      { path: "/instances", title: "App instances", area: "accessAppInstance", key: "i" },
      { path: "/alerts", title: "Alerts", area: "accessDevice", key: "l" },
      { path: "/events", title: "Events", area: "accessDevice", key: "e" },
    ],
  },
  {
    title: "Apps",
    places: [
      { path: "/marketplace", title: "Marketplace", area: "accessEdgeApp", key: "m" },
      { path: "/apps", title: "Apps", area: "accessEdgeApp", key: "a" },
    ],
  },
  {
    title: "Change",
    places: [
      { path: "/projects", title: "Projects and policies", area: "accessDevice", key: "p" },
      { path: "/rollouts", title: "Roll-outs", area: "accessDevice", key: "r" },
      { path: "/jobs", title: "Jobs", area: "accessDevice", key: "j" },
    ],
  },
  {
    title: "Library",
    places: [
      { path: "/library/networks", title: "Networks", area: "accessDevice" },
      { path: "/library/netinsts", title: "Network instances", area: "accessDevice" },
      { path: "/library/volumes", title: "Volumes", area: "accessDevice" },
      { path: "/library/datastores", title: "Datastores", area: "accessStorage" },
      { path: "/library/images", title: "Images", area: "accessStorage" },
      { path: "/library/models", title: "Models", area: "accessDevice" },
      { path: "/library/patches", title: "Patch envelopes", area: "accessAppInstance" },
      { path: "/library/brands", title: "Brands", area: "accessDevice" },
      { path: "/library/alert-rules", title: "Alert rules", area: "accessDevice" },
      { path: "/library/alert-channels", title: "Alert channels", area: "accessDevice" },
    ],
  },
  {
    title: "Access",
    places: [
      { path: "/tenants", title: "Tenants", area: "accessEnterprise" },
      { path: "/users", title: "Users", area: "accessUser", key: "u" },
      { path: "/roles", title: "Roles", area: "accessUser" },
      { path: "/library/auth-profiles", title: "Ways to sign in", area: "accessUser" },
      { path: "/tokens", title: "Tokens and sessions" },
      { path: "/audit", title: "Audit log", area: "accessUser" },
    ],
  },
];

export const PLACES: readonly Place[] = GROUPS.flatMap((group) => group.places);

/** The groups as somebody sees them: nothing that its role cannot read. */
export function visible(may: (area: Area) => boolean): readonly Group[] {
  return GROUPS.map((group) => ({
    ...group,
    places: group.places.filter((place) => place.area === undefined || may(place.area)),
  })).filter((group) => group.places.length > 0);
}

/** The place that an address is part of. */
export function placeOf(path: string): Place | undefined {
  return PLACES.filter((one) => path === one.path || path.startsWith(`${one.path}/`)).sort(
    (a, b) => b.path.length - a.path.length,
  )[0];
}

/** Whether all words of what was typed begin a word of the title. */
export function fits(title: string, typed: string): boolean {
  const words = title.toLowerCase().split(/[\s-]+/);
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((part) => words.some((word) => word.startsWith(part)));
}
