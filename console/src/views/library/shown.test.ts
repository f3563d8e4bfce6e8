import { expect, it } from "vitest";
import { shown } from "../../ui/shown";
import { KINDS } from "./kinds";

it.each([
  ["NETWORK_INSTANCE_KIND_LOCAL", "Local"],
  ["eth0", "eth0"],
  ["", "–"],
  [undefined, "–"],
  [false, "no"],
  ["CONTAINER", "Container"],
  ["QCOW2", "QCOW2"],
])("%s reads %s", (value, text) => expect(shown(value)).toBe(text));

it("lists what stands on a node from where the name of the node is told", () => {
  const there = Object.values(KINDS).filter((one) =>
    one.columns.some(([, member]) => member === "deviceName"),
  );
  expect(there.map((one) => one.list)).toEqual([
    "/v1/netinsts/status",
    "/v1/volumes/instances/status",
  ]);
});
