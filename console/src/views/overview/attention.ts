/** What needs a person: gathered from all that can be wrong, the worst and oldest first. */
import type { Attention, Incident } from "../../api/own";
import type { AppRow } from "../../api/types";
import { inWords, worded } from "../../ui/words";

export interface Item {
  readonly id: string;
  readonly worth: number; // the higher, the sooner
  readonly word: string; // its state, as `State` shows it
  readonly what: string;
  readonly why: string;
  readonly where: string;
  readonly to: string;
  readonly since: string | undefined;
}

/** Of each the list; nothing of what the role may not read. */
export interface Seen {
  readonly rollouts: Attention["rollouts"]["list"];
  readonly incidents: Attention["incidents"]["list"];
  readonly nodes: Attention["nodes"]["list"];
  readonly unattested: Attention["unattested"]["list"];
  readonly unclaimed: Attention["unclaimed"]["list"];
  readonly apps: readonly AppRow[];
}

export function attention(seen: Seen): readonly Item[] {
  const told = new Set(seen.incidents.map((one) => one.deviceId));
  const items = [
    ...seen.rollouts.map(ofRollout),
    ...seen.incidents.map(ofIncident),
    ...seen.nodes.filter((one) => !told.has(one.id)).map(ofNode),
    ...seen.unattested.map(ofUnattested),
    ...seen.unclaimed.map(ofUnclaimed),
    ...seen.apps.map(ofApp),
  ];
  return items.sort((a, b) => b.worth - a.worth || since(a) - since(b) || compare(a, b));
}

const since = (one: Item) => (one.since ? Date.parse(one.since) : Number.MAX_SAFE_INTEGER);

const compare = (a: Item, b: Item) => a.what.localeCompare(b.what);

function ofRollout(one: Seen["rollouts"][number]): Item {
  return {
    id: `rollout ${one.id}`,
    worth: 4,
    word: one.phase,
    what: `Roll-out ${one.name}`,
    why: one.reasons.join("; ") || "it waits for somebody to go on",
    where: `wave ${one.wave}`,
    to: `/rollouts/${one.id}`,
    since: one.createdAt,
  };
}

function ofIncident(one: Incident): Item {
  const bad = /ERROR|CRITICAL/.test(one.severity);
  return {
    id: `incident ${one.id}`,
    worth: bad ? 3 : 2,
    word: one.severity,
    what: one.objectName || one.deviceName || one.ruleName,
    why: inWords(one.text),
    where: one.objectName && one.objectName !== one.deviceName ? one.deviceName : "",
    to: one.deviceId ? `/nodes/${one.deviceId}` : "/alerts",
    since: one.openedAt,
  };
}

const SILENT: Readonly<Record<string, string>> = {
  RUN_STATE_OFFLINE: "it has stopped reporting; its page shows what it told last",
  RUN_STATE_SUSPECT: "it is late to report; it may be on its way out",
};

function ofNode(one: Seen["nodes"][number]): Item {
  return {
    id: `node ${one.id}`,
    worth: one.runState === "RUN_STATE_SUSPECT" ? 2 : 3,
    word: one.runState,
    what: one.name,
    why:
      SILENT[one.runState] ??
      `its state is ${worded(one.runState).toLowerCase()}; its page says why`,
    where: one.projectName,
    to: `/nodes/${one.id}`,
    since: one.lastSeen,
  };
}

function ofUnattested(one: Seen["unattested"][number]): Item {
  return {
    id: `attestation ${one.id}`,
    worth: 3,
    word: one.attestState,
    what: one.name,
    why: one.detail || "it did not prove what it booted",
    where: one.projectName,
    to: `/nodes/${one.id}/attestation`,
    since: one.attestedAt,
  };
}

function ofUnclaimed(one: Seen["unclaimed"][number]): Item {
  const serial = one.serialno || one.softSerial;
  return {
    id: `machine ${serial}`,
    worth: 1,
    word: "UNCLAIMED",
    what: `Machine ${serial}`,
    why: `it came ${one.attempts} times with an onboarding key, and no node has this serial number`,
    where: "",
    to: `/nodes?${new URLSearchParams({ new: "1", serial })}`,
    since: one.firstAt,
  };
}

function ofApp(one: AppRow): Item {
  return {
    id: `app ${one.id}`,
    worth: 3,
    word: one.runState ?? "",
    what: one.name ?? "",
    why: "the app does not run as asked for; its page says why",
    where: one.deviceName ?? "",
    to: `/instances/${one.id}`,
    since: undefined,
  };
}
