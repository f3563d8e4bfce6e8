import { expect, it } from "vitest";
import type { Incident } from "../../api/own";
import type { AppRow } from "../../api/types";
import { attention, type Seen } from "./attention";

const incident = (members: Partial<Incident>) =>
  ({
    id: "i",
    severity: "SEVERITY_WARNING",
    openedAt: "2026-01-01",
    text: "",
    ...members,
  }) as Incident;
const rollout = (id: string): Seen["rollouts"][number] => ({
  id,
  name: id,
  phase: "PAUSED",
  wave: 1,
  reasons: [],
  createdAt: "2026-01-01",
});
const node = (id: string): Seen["nodes"][number] => ({
  id,
  name: id,
  projectName: "p",
  runState: "RUN_STATE_OFFLINE",
  lastSeen: "2026-03-01",
});
const app = (members: Partial<AppRow>) =>
  ({ id: "a", name: "a", runState: "RUN_STATE_ERROR", ...members }) as AppRow;
const NOTHING = { incidents: [], rollouts: [], nodes: [], unattested: [], unclaimed: [], apps: [] };

it("says of a node that is silent how silent it is, and of another what it is", () => {
  const why = (runState: string) =>
    attention({ ...NOTHING, nodes: [{ ...node("n"), runState }] }).map((one) => one.why);
  expect(why("RUN_STATE_OFFLINE")).toEqual([
    "it has stopped reporting; its page shows what it told last",
  ]);
  expect(why("RUN_STATE_ERROR")).toEqual(["its state is error; its page says why"]);
});

it("tells the worst first, and of those the oldest", () => {
  const found = attention({
    incidents: [
      incident({ id: "new", severity: "SEVERITY_ERROR", openedAt: "2026-02-01" }),
      incident({ id: "old", severity: "SEVERITY_ERROR", openedAt: "2026-01-01" }),
      incident({ id: "mild" }),
    ],
    rollouts: [rollout("held")],
    nodes: [node("away")],
    unattested: [
      {
        id: "odd",
        name: "odd",
        projectName: "p",
        attestState: "ATTEST_STATE_FAIL",
        detail: "PCR 4",
      },
    ],
    unclaimed: [{ serialno: "S1", softSerial: "", attempts: 3, firstAt: "2025-01-01" }],
    apps: [app({ id: "broken" })],
  });
  expect(found.map((one) => one.id)).toEqual([
    "rollout held",
    "incident old",
    "incident new",
    "node away",
    "app broken",
    "attestation odd",
    "incident mild",
    "machine S1",
  ]);
});

it("tells a node once, where an alert tells of it already", () => {
  const found = attention({
    ...NOTHING,
    incidents: [incident({ deviceId: "n" })],
    nodes: [node("n"), node("m")],
  });
  expect(found.map((one) => one.id)).toEqual(["node m", "incident i"]);
});

it("is empty when all is well", () => expect(attention(NOTHING)).toEqual([]));
