import { describe, expect, it } from "vitest";
import { picture, wiring } from "./wiring";

const PORTS = [
  { ifName: "eth0", uplink: true },
  { ifName: "eth1", uplink: false },
];
const NETWORKS = [
  { id: "n1", name: "local", port: "uplink" },
  { id: "n2", name: "floor", port: "eth1" },
  { id: "n3", name: "alone", port: "" },
];
const APPS = [
  { id: "a1", name: "web", interfaces: [{ netinstid: "n1" }, { netinstname: "floor" }] },
  {
    id: "a2",
    name: "camera",
    interfaces: [{ directattach: true, intfname: "usb", io: { name: "USB1" } }],
  },
  { id: "a3", name: "idle" },
];
const on = (key: string) => wiring(PORTS, NETWORKS, APPS).find((one) => one.key === key)?.on;

describe("what is connected to what", () => {
  it("puts a network instance on its port, on all uplinks, or on none", () => {
    expect(on("network n1")).toEqual(["port eth0"]);
    expect(on("network n2")).toEqual(["port eth1"]);
    expect(on("network n3")).toEqual([]);
  });
  it("puts an app on its network instances, by id or by name, and on adapters that it holds", () => {
    expect(on("app a1")).toEqual(["network n1", "network n2"]);
    expect(on("app a2")).toEqual(["port USB1"]);
    expect(on("app a3")).toEqual([]);
  });
  it("shows a port that was asked for and that the node has not told of", () => {
    expect(wiring([], NETWORKS, []).map((one) => one.key)).toEqual([
      "port uplink",
      "port eth1",
      "network n1",
      "network n2",
      "network n3",
    ]);
  });
});

describe("the picture", () => {
  it("has a line for each connection, and room for the longest column", () => {
    const drawn = picture(wiring(PORTS, NETWORKS, APPS));
    expect(drawn.lines.map((one) => one.key)).toEqual([
      "port eth0 network n1",
      "port eth1 network n2",
      "network n1 app a1",
      "network n2 app a1",
      "port USB1 app a2",
    ]);
    const lowest = Math.max(...drawn.boxes.map((one) => one.y + one.height));
    expect(drawn.height).toBeGreaterThanOrEqual(lowest);
  });
  it("cuts names that have no room, and only those", () => {
    const [long, short] = picture(
      wiring([{ ifName: "x".repeat(1000) }, { ifName: "eth0" }], [], []),
    ).boxes;
    expect(long?.label).toBe(`${"x".repeat(21)}…`);
    expect(short?.label).toBe("eth0");
  });
  it("draws nothing of nothing", () => expect(picture([]).lines).toEqual([]));
});
