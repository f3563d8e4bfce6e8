import { describe, expect, it } from "vitest";
import type { StreamEvent } from "../api/own";
import { isStale, stalePaths } from "./stale";

const event = (members: Partial<StreamEvent>) =>
  ({ resource: "", deviceId: "", ...members }) as StreamEvent;

describe("what an event makes old", () => {
  it("is what shows its object", () => {
    const stale = stalePaths([event({ resource: "projects" })]);
    expect(isStale("/v1/projects/id/{id}", stale)).toBe(true);
    expect(isStale("/v1/projects", stale)).toBe(true);
    expect(isStale("/v1/projectsother", stale)).toBe(false);
    expect(isStale("/v1/devices/status-config", stale)).toBe(false);
  });
  it("is what shows a node, for whatever happened on one", () => {
    const stale = stalePaths([event({ resource: "netinsts", deviceId: "d" })]);
    expect(isStale("/v1/devices/status-config", stale)).toBe(true);
    expect(isStale("/v1/netinsts", stale)).toBe(true);
  });
  it("is always the list of events", () => {
    expect(isStale("/v1/events", stalePaths([]))).toBe(true);
    expect(isStale(undefined, stalePaths([]))).toBe(false);
  });
});
