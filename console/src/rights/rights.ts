/** What a role lets its user do, read from its scopes as the controller reads them. */
import type { Role, RoleScope } from "../api/types";

export type Verb = "Create" | "Read" | "Update" | "Delete" | "Execute";
export type Area =
  | "accessDevice"
  | "accessEdgeApp"
  | "accessAppInstance"
  | "accessStorage"
  | "accessUser"
  | "accessEnterprise"
  | "accessEnterpriseIntegrationItems";

export const AREAS: readonly { readonly area: Area; readonly title: string }[] = [
  { area: "accessDevice", title: "Nodes, projects, networks" },
  { area: "accessEdgeApp", title: "Apps" },
  { area: "accessAppInstance", title: "App instances" },
  { area: "accessStorage", title: "Datastores and images" },
  { area: "accessUser", title: "Users and roles" },
  { area: "accessEnterprise", title: "Tenant" },
  { area: "accessEnterpriseIntegrationItems", title: "Integrations" },
];
export const VERBS: readonly Verb[] = ["Create", "Read", "Update", "Delete", "Execute"];

const PREFIX = "PermissionAccess";
const WORD = /Create|Read|Update|Delete|Execute/g;

/** The verbs of an access word; a word that is none grants nothing. */
export function verbsOf(word: string | undefined): ReadonlySet<Verb> {
  const rest = (word ?? "").replace(PREFIX, "");
  const found = rest.match(WORD) ?? [];
  return new Set(found.join("") === rest ? (found as Verb[]) : []);
}

function granted(scope: RoleScope, area: Area): ReadonlySet<Verb> {
  const words = scope as Readonly<Record<string, unknown>>;
  const own = verbsOf(typeof words[area] === "string" ? (words[area] as string) : undefined);
  if (area !== "accessEdgeApp" && area !== "accessAppInstance") return own;
  const older = verbsOf(typeof words.accessApp === "string" ? words.accessApp : undefined);
  return new Set([...own, ...older]);
}

/** Whether the role permits this somewhere; where, the controller decides for each object. */
export function may(role: Role | undefined, area: Area, verb: Verb): boolean {
  return (role?.scopes ?? []).some((scope) => {
    const verbs = granted(scope, area);
    return verbs.has(verb) || (verb === "Execute" && verbs.has("Update"));
  });
}
